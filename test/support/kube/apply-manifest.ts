import type { KubeClient } from '../../../clients/kube/client.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { type Resource, objectPath } from '../../../clients/kube/resources.ts';

const CLUSTER_WIDE = [
  'Namespace',
  'PriorityClass',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
];

/** Where objects of a kind live; the plurals of the chart's kinds are regular. */
export function resourceOf({ apiVersion = 'v1', kind = '' }: KubeObject): Resource {
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  const plural = kind.toLowerCase().replace(/s$/, 'se').replace(/y$/, 'ie') + 's';
  return { group, version, plural, kind, namespaced: !CLUSTER_WIDE.includes(kind) };
}

/** As `kubectl apply --server-side` does it, and refusing every field that the server does not know. */
export function applyManifest(client: KubeClient, object: KubeObject, fieldManager = 'installer'): Promise<KubeObject> {
  return client.request('PATCH', objectPath(resourceOf(object), object.metadata.name, object.metadata.namespace), {
    body: object,
    contentType: 'application/apply-patch+yaml',
    query: { fieldManager, fieldValidation: 'Strict', force: true },
  });
}
