import type { ObjectMeta, PodSpec } from '../../crds/kubernetes.ts';
import { type KubeValue, isObject } from '../manifest/read-manifests.ts';

export interface PodTemplate {
  metadata: Partial<ObjectMeta>;
  spec: PodSpec;
}

/** Kinds without a pod. Other kinds in which no template is found are named to the user, because they may hold a pod. */
export const WITHOUT_PODS = new Set(
  ['MeshService', 'Namespace', 'Service', 'ServiceAccount', 'ConfigMap', 'Secret', 'Ingress', 'NetworkPolicy']
    .concat(['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding', 'PersistentVolumeClaim', 'PersistentVolume'])
    .concat(['PodDisruptionBudget', 'HorizontalPodAutoscaler', 'CustomResourceDefinition', 'StorageClass', 'Endpoints'])
    .concat(['ResourceQuota', 'LimitRange', 'PriorityClass', 'EndpointSlice', 'IngressClass', 'ServiceMonitor'])
    .concat(['PodMonitor', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'APIService']),
);

/**
 * Where the pod of an object is: a Pod itself; `template` of a PodTemplate; the job of a CronJob; `spec.template` of
 * everything else, as Deployments, Jobs and many custom kinds (an Argo Rollout) have it.
 */
const pathOf = (kind: string): string[] =>
  kind === 'Pod'
    ? []
    : kind === 'PodTemplate'
      ? ['template']
      : kind === 'CronJob'
        ? ['spec', 'jobTemplate', 'spec', 'template']
        : ['spec', 'template'];

/** The template of the pod; undefined when the object holds no pod. */
export function templateOf(object: KubeValue, kind: string): PodTemplate | undefined {
  const holder = pathOf(kind).reduce<KubeValue | undefined>((at, step) => {
    const next = at?.[step];
    return isObject(next) ? next : undefined;
  }, object);
  const spec = holder?.['spec'];
  // Another kind's `template` need not be one of pods.
  if (!isObject(spec) || !Array.isArray(spec['containers'])) return undefined;
  const metadata = isObject(holder!['metadata']) ? holder!['metadata'] : {};
  return { metadata: metadata as Partial<ObjectMeta>, spec: spec as unknown as PodSpec };
}

/** The object with this template in the place of its own. */
export function withTemplate(object: KubeValue, kind: string, template: PodTemplate): KubeValue {
  const put = (at: KubeValue, path: string[]): KubeValue => {
    const [step, ...rest] = path;
    return step === undefined
      ? { ...at, ...(template as unknown as KubeValue) }
      : { ...at, [step]: put(at[step] as KubeValue, rest) };
  };
  return put(object, pathOf(kind));
}
