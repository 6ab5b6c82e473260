import type { KubeClient } from '../../../clients/kube/client.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import {
  customResourceDefinitions,
  deployments,
  namespaces,
  persistentVolumeClaims,
  pods,
  priorityClasses,
  statefulSets,
  storageClasses,
} from '../../../clients/kube/resources.ts';
import { GROUP } from '../../../crds/mesh-service.ts';
import { CONSUL_SERVER_SERVICE, CONSUL_SERVICE, NAMESPACE } from '../../../mesh/installation/installation.ts';
import {
  type Belonging,
  type HeldClaim,
  type HeldShape,
  MOST_SERVERS,
  consulClaim,
  consulServer,
} from '../../../mesh/installation/reshape.ts';

const ORDINALS = [...Array(MOST_SERVERS).keys()];

interface Claim extends KubeObject {
  spec: { storageClassName?: string; resources?: { requests?: { storage?: string } } };
}

/** Reads the shape of the installation in the cluster. Each object is read by its name, so that few rights are enough. */
export async function heldShape(kube: KubeClient, wantedPriorityClass: string): Promise<HeldShape> {
  const [operator, servers, priority, namespace, crd, claims] = await Promise.all([
    kube.get<Operator>(deployments, 'landbridge-operator', NAMESPACE),
    heldServers(kube),
    kube.get<KubeObject & { value?: number }>(priorityClasses, wantedPriorityClass),
    kube.get<KubeObject>(namespaces, NAMESPACE),
    kube.get<KubeObject>(customResourceDefinitions, `meshservices.${GROUP}`),
    heldClaims(kube),
  ]);
  const env = operator?.spec.template.spec.containers[0]?.env ?? [];
  const valueOf = (name: string): string | undefined => env.find((one) => one.name === name)?.value;
  const consul = valueOf('LANDBRIDGE_CONSUL_HTTP');
  return {
    cluster: valueOf('LANDBRIDGE_CLUSTER'),
    externalConsul: consul === undefined ? undefined : !consul.startsWith(`${CONSUL_SERVICE}.`),
    ...servers,
    claims,
    priorityClass: priority && {
      value: priority.value ?? 0,
      ours: priority.metadata.labels?.['app.kubernetes.io/part-of'] === 'landbridge',
    },
    namespace: belongingOf(namespace, operator),
    crd: belongingOf(crd, operator),
  };
}

async function heldServers(kube: KubeClient): Promise<Pick<HeldShape, 'servers' | 'storage' | 'storageClass'>> {
  const set = await kube.get<ServerSet>(statefulSets, CONSUL_SERVER_SERVICE, NAMESPACE);
  const running = await Promise.all(ORDINALS.map((ordinal) => kube.get(pods, consulServer(ordinal), NAMESPACE)));
  const data = set?.spec.volumeClaimTemplates?.[0]?.spec;
  return {
    // More pods than the StatefulSet asks for, or none of it: an upgrade was interrupted.
    servers: Math.max(set?.spec.replicas ?? 0, running.findLastIndex((pod) => pod !== undefined) + 1),
    storage: data?.resources?.requests?.storage,
    storageClass: data?.storageClassName,
  };
}

async function heldClaims(kube: KubeClient): Promise<HeldClaim[]> {
  const claims = await Promise.all(
    ORDINALS.map((ordinal) => kube.get<Claim>(persistentVolumeClaims, consulClaim(ordinal), NAMESPACE)),
  );
  return Promise.all(
    claims.flatMap((claim, ordinal) => (claim === undefined ? [] : [heldClaim(kube, claim, ordinal)])),
  );
}

async function heldClaim(kube: KubeClient, { spec }: Claim, ordinal: number): Promise<HeldClaim> {
  const { storageClassName: storageClass = '' } = spec;
  const found =
    storageClass === ''
      ? undefined
      : await kube.get<KubeObject & { allowVolumeExpansion?: boolean }>(storageClasses, storageClass);
  return {
    ordinal,
    storage: spec.resources?.requests?.storage ?? '',
    storageClass,
    expandable: found?.allowVolumeExpansion === true,
  };
}

/** Helm deletes only the objects of the release itself. */
const belongingOf = (object: KubeObject | undefined, operator: KubeObject | undefined): Belonging | undefined =>
  object && {
    toHelm:
      operator !== undefined &&
      object.metadata.labels?.['app.kubernetes.io/managed-by'] === 'Helm' &&
      releaseOf(object) === releaseOf(operator),
    kept: object.metadata.annotations?.['helm.sh/resource-policy'] === 'keep',
  };

const releaseOf = (object: KubeObject): string | undefined =>
  object.metadata.annotations?.['meta.helm.sh/release-name'];

interface Operator extends KubeObject {
  spec: { template: { spec: { containers: { env?: { name: string; value?: string }[] }[] } } };
}

interface ServerSet extends KubeObject {
  spec: { replicas?: number; volumeClaimTemplates?: Claim[] };
}
