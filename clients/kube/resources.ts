import { errorOfUse } from './errors.ts';

/** Names one kind of object by its place in the API. */
export interface Resource {
  /** '' is the core group. */
  group: string;
  version: string;
  /** The word in the path, such as `pods`. */
  plural: string;
  kind: string;
  namespaced: boolean;
}

const core = (plural: string, kind: string, namespaced = true): Resource => ({
  group: '',
  version: 'v1',
  plural,
  kind,
  namespaced,
});

export const pods = core('pods', 'Pod');
export const nodes = core('nodes', 'Node', false);
export const namespaces = core('namespaces', 'Namespace', false);
export const secrets = core('secrets', 'Secret');
export const configMaps = core('configmaps', 'ConfigMap');
export const services = core('services', 'Service');
export const persistentVolumeClaims = core('persistentvolumeclaims', 'PersistentVolumeClaim');
export const priorityClasses: Resource = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  plural: 'priorityclasses',
  kind: 'PriorityClass',
  namespaced: false,
};
const apps = (plural: string, kind: string): Resource => ({
  group: 'apps',
  version: 'v1',
  plural,
  kind,
  namespaced: true,
});
export const deployments = apps('deployments', 'Deployment');
export const replicaSets = apps('replicasets', 'ReplicaSet');
export const statefulSets = apps('statefulsets', 'StatefulSet');
export const daemonSets = apps('daemonsets', 'DaemonSet');
export const persistentVolumes: Resource = {
  group: '',
  version: 'v1',
  plural: 'persistentvolumes',
  kind: 'PersistentVolume',
  namespaced: false,
};
export const storageClasses: Resource = {
  group: 'storage.k8s.io',
  version: 'v1',
  plural: 'storageclasses',
  kind: 'StorageClass',
  namespaced: false,
};
export const leases: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};
export const events: Resource = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};
const networking = (plural: string, kind: string): Resource => ({
  group: 'networking.k8s.io',
  version: 'v1',
  plural,
  kind,
  namespaced: true,
});
export const networkPolicies = networking('networkpolicies', 'NetworkPolicy');
export const ingresses = networking('ingresses', 'Ingress');
export const mutatingWebhookConfigurations: Resource = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingwebhookconfigurations',
  kind: 'MutatingWebhookConfiguration',
  namespaced: false,
};
export const validatingWebhookConfigurations: Resource = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingwebhookconfigurations',
  kind: 'ValidatingWebhookConfiguration',
  namespaced: false,
};
export const customResourceDefinitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};
export const jobs: Resource = { group: 'batch', version: 'v1', plural: 'jobs', kind: 'Job', namespaced: true };
export const cronJobs: Resource = {
  group: 'batch',
  version: 'v1',
  plural: 'cronjobs',
  kind: 'CronJob',
  namespaced: true,
};
export const meshServices: Resource = {
  group: 'landbridge.dev',
  version: 'v1alpha1',
  plural: 'meshservices',
  kind: 'MeshService',
  namespaced: true,
};

/** `v1` or `apps/v1`: the `apiVersion` of this resource's objects. */
export function apiVersionOf(resource: Resource): string {
  return resource.group ? `${resource.group}/${resource.version}` : resource.version;
}

/** The path of the collection: of one namespace, or of all when none is given. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.group ? `/apis/${resource.group}/${resource.version}` : `/api/${resource.version}`;
  const scope = resource.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.plural}`;
}

/** The path of one object or of its subresource. Throws a `fix` KubeError when the name or a needed namespace is missing. */
export function objectPath(resource: Resource, name: string, namespace?: string, subresource?: 'status'): string {
  if (!name) throw errorOfUse(`${resource.plural}: the object has no name`);
  if (resource.namespaced && !namespace) throw errorOfUse(`${resource.plural} ${name}: the namespace is missing`);
  const path = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  return subresource ? `${path}/${subresource}` : path;
}
