import type { KubeClient } from '../../clients/kube/client.ts';
import type { Discover } from '../../clients/kube/discover.ts';
import type { KubeObject } from '../../clients/kube/object.ts';

/** Dependents go after the object: a Job's pods too, which its API leaves by default. */
export async function deleteObject(kube: KubeClient, discover: Discover, object: KubeObject): Promise<void> {
  const resource = await discover(object.apiVersion!, object.kind!);
  await kube.delete(resource, object.metadata.name, object.metadata.namespace, { propagationPolicy: 'Background' });
}
