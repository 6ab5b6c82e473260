import { z } from 'zod';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { CONSUL_SERVICE } from '../../../mesh/installation/installation.ts';
import type { Shape } from '../../../mesh/installation/reshape.ts';

/** The shape that the objects of an installation have, as `charts/synthesize.ts` gives them. */
export function shapeOf(objects: readonly KubeObject[]): Shape {
  const named = <T>(kind: string, name?: string): T | undefined =>
    objects.find((object) => object.kind === kind && (name === undefined || object.metadata.name === name)) as
      T | undefined;
  const pod = named<Operator>('Deployment', 'landbridge-operator')!.spec.template.spec;
  const valueOf = (name: string): string => pod.containers[0]!.env.find((one) => one.name === name)?.value ?? '';
  const servers = named<Servers>('StatefulSet')?.spec;
  const data = servers?.volumeClaimTemplates[0]?.spec;
  const priority = named<{ value: number }>('PriorityClass');
  return {
    cluster: valueOf('LANDBRIDGE_CLUSTER'),
    externalConsul: !valueOf('LANDBRIDGE_CONSUL_HTTP').startsWith(`${CONSUL_SERVICE}.`),
    servers: servers?.replicas ?? 0,
    storage: data?.resources.requests.storage ?? '',
    storageClass: data?.storageClassName ?? '',
    priorityClass: { name: pod.priorityClassName, value: priority?.value ?? 0, create: priority !== undefined },
    createNamespace: named('Namespace') !== undefined,
    installCrds: named('CustomResourceDefinition') !== undefined,
  };
}

const yesOrNo = z.enum(['true', 'false']).transform((text) => text === 'true');
const environment = z.object({
  LANDBRIDGE_CLUSTER: z.string().min(1),
  LANDBRIDGE_CONSUL_EXTERNAL: yesOrNo,
  LANDBRIDGE_CONSUL_SERVERS: z.coerce.number(),
  LANDBRIDGE_CONSUL_STORAGE: z.string(),
  LANDBRIDGE_CONSUL_STORAGE_CLASS: z.string().default(''),
  LANDBRIDGE_PRIORITY_CLASS: z.string().min(1),
  LANDBRIDGE_PRIORITY_VALUE: z.coerce.number(),
  LANDBRIDGE_PRIORITY_CREATE: yesOrNo,
  LANDBRIDGE_CREATE_NAMESPACE: yesOrNo,
  LANDBRIDGE_INSTALL_CRDS: yesOrNo,
});

/** Reads the same shape from the environment of the upgrade job in Helm's chart. Throws an Error that names each variable that is wrong. */
export function shapeOfEnvironment(env: Record<string, string | undefined>): Shape {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`);
    throw new Error(`the environment of the upgrade job is wrong: ${problems.join('; ')}`);
  }
  const { data } = parsed;
  return {
    cluster: data.LANDBRIDGE_CLUSTER,
    externalConsul: data.LANDBRIDGE_CONSUL_EXTERNAL,
    servers: data.LANDBRIDGE_CONSUL_SERVERS,
    storage: data.LANDBRIDGE_CONSUL_STORAGE,
    storageClass: data.LANDBRIDGE_CONSUL_STORAGE_CLASS,
    priorityClass: {
      name: data.LANDBRIDGE_PRIORITY_CLASS,
      value: data.LANDBRIDGE_PRIORITY_VALUE,
      create: data.LANDBRIDGE_PRIORITY_CREATE,
    },
    createNamespace: data.LANDBRIDGE_CREATE_NAMESPACE,
    installCrds: data.LANDBRIDGE_INSTALL_CRDS,
  };
}

interface Operator {
  spec: {
    template: { spec: { priorityClassName: string; containers: { env: { name: string; value?: string }[] }[] } };
  };
}

interface Servers {
  spec: {
    replicas: number;
    volumeClaimTemplates: {
      spec: { storageClassName?: string; resources: { requests: { storage: string } } };
    }[];
  };
}
