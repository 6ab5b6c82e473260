import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { dump, loadAll } from 'js-yaml';
import { ENVOY_IMAGE } from '../../charts/values/schema.ts';
import type { Pod, PodSpec, ObjectMeta } from '../../crds/kubernetes.ts';
import { type MeshService, parseMeshService } from '../../crds/mesh-service.ts';
import { SKIP_REASONS, decide } from '../../mesh/inject/decide.ts';
import { injected } from '../../mesh/inject/patch.ts';

interface KubernetesObject {
  kind: string;
  metadata: ObjectMeta;
  spec?: Record<string, unknown>;
}

interface PodTemplate {
  metadata?: Partial<ObjectMeta>;
  spec: PodSpec;
}

/** Kinds that hold no pod. Anything else that is neither known nor one of these is named, for it may hold one. */
const WITHOUT_PODS = new Set(
  ['MeshService', 'Namespace', 'Service', 'ServiceAccount', 'ConfigMap', 'Secret', 'Ingress', 'NetworkPolicy']
    .concat(['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding', 'PersistentVolumeClaim'])
    .concat(['PodDisruptionBudget', 'HorizontalPodAutoscaler', 'CustomResourceDefinition']),
);

/** `landbridge inject`: what the webhook would do, without a cluster and by the same functions. */
export function injectCommand(): Command {
  return new Command('inject')
    .description('add sidecars to the pods and workloads of a file, as the webhook would; prints YAML')
    .requiredOption('-f, --file <file>', 'YAML with workloads and their MeshServices; - reads standard input')
    .option('--image <image>', 'image of the sidecar', ENVOY_IMAGE)
    .action((options: { file: string; image: string }) => {
      const text = readFileSync(options.file === '-' ? 0 : options.file, 'utf8');
      const objects = loadAll(text).filter((object): object is KubernetesObject => Boolean(object));
      const meshServices = objects
        .filter((object) => object.kind === 'MeshService')
        .map((object) => parseMeshService(object as never));
      const settings = { image: options.image, imagePullPolicy: 'IfNotPresent' as const };
      for (const object of objects) {
        process.stdout.write(`---\n${dump(withSidecar(object, meshServices, settings), { noRefs: true })}`);
      }
    });
}

function withSidecar(object: KubernetesObject, all: MeshService[], settings: Parameters<typeof injected>[2]) {
  const { name, namespace } = object.metadata;
  const template = templateOf(object);
  if (template === undefined) {
    if (!WITHOUT_PODS.has(object.kind))
      process.stderr.write(
        `${object.kind.toLowerCase()}/${name}: left as it is, no pod template is known in this kind\n`,
      );
    return object;
  }
  const pod: Pod = { metadata: { name, ...template.metadata }, spec: template.spec };
  const decision = decide(
    pod,
    all.filter((meshService) => meshService.metadata.namespace === namespace),
  );
  const what = `${object.kind.toLowerCase()}/${name}`;
  if (decision.do === 'refuse') throw new Error(`${what}: ${decision.message}`);
  if (decision.do === 'skip' || decision.do === 'strip') {
    const reason = decision.do === 'strip' ? 'NotSelected' : decision.reason;
    process.stderr.write(`${what}: skipped, ${SKIP_REASONS[reason]}\n`);
    return object;
  }
  const protocolOf = (service: string) =>
    all.find((meshService) => (meshService.spec.service ?? meshService.metadata.name) === service)?.spec.protocol;
  const after = injected(pod, decision.meshService, settings, protocolOf);
  process.stderr.write(`${what}: injected for MeshService ${decision.meshService.metadata.name}\n`);
  if (object.kind === 'Pod') return { ...object, metadata: after.metadata, spec: after.spec };
  const { labels, annotations } = after.metadata;
  return withTemplate(object, { metadata: { ...template.metadata, labels, annotations }, spec: after.spec });
}

/** The pod in a Pod, in a CronJob's job, or in `spec.template` as Deployments, Jobs and many custom kinds have it. */
function templateOf({ kind, metadata, spec = {} }: KubernetesObject): PodTemplate | undefined {
  if (kind === 'Pod') return { metadata, spec: spec as unknown as PodSpec };
  const holder = (kind === 'CronJob' ? jobOf(spec).spec : spec) as { template?: PodTemplate };
  // Another kind's `template` need not be one of pods.
  return Array.isArray(holder.template?.spec?.containers) ? holder.template : undefined;
}

const jobOf = (spec: Record<string, unknown>) =>
  (spec.jobTemplate ?? { spec: {} }) as { spec: Record<string, unknown> };

function withTemplate(object: KubernetesObject, template: PodTemplate): KubernetesObject {
  const { kind, spec = {} } = object;
  if (kind !== 'CronJob') return { ...object, spec: { ...spec, template } };
  const job = jobOf(spec);
  return { ...object, spec: { ...spec, jobTemplate: { ...job, spec: { ...job.spec, template } } } };
}
