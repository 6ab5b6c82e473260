import type { KubeClient } from '../../../clients/kube/client.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { type Resource, daemonSets, events, jobs, replicaSets, statefulSets } from '../../../clients/kube/resources.ts';

export const OWNERS: Resource[] = [replicaSets, statefulSets, daemonSets, jobs];

/**
 * An owner of pods with these labels, as a user's Deployment and the like make it, and the event in which its controller
 * says that a pod cannot be made: the test API server runs without controllers.
 */
export async function refusedOwner(
  kube: KubeClient,
  resource: Resource,
  labels: Record<string, string>,
  note: string,
  name = `${labels['app']}-5d8`,
): Promise<void> {
  const template = {
    metadata: { labels },
    spec: { containers: [{ name: 'app', image: 'app:1' }], restartPolicy: resource === jobs ? 'Never' : 'Always' },
  };
  const apiVersion = `${resource.group}/${resource.version}`;
  const of = resource === jobs ? {} : { selector: { matchLabels: labels } };
  const more = resource === statefulSets ? { serviceName: 'none' } : {};
  const spec = { template, ...of, ...more };
  const metadata = { name, namespace: 'shop' };
  const owner =
    (await kube.get<KubeObject>(resource, name, 'shop')) ??
    (await kube.create(resource, { apiVersion, kind: resource.kind, metadata, spec } as KubeObject));
  const now = new Date().toISOString().replace('Z', '000Z');
  await kube.create(events, {
    metadata: { name: `${name}.${Date.now().toString(16)}-${resource.kind.toLowerCase()}`, namespace: 'shop' },
    regarding: { apiVersion, kind: resource.kind, name, namespace: 'shop', uid: owner.metadata.uid },
    reason: 'FailedCreate',
    note,
    type: 'Warning',
    eventTime: now,
    action: 'Create',
    reportingController: 'test',
    reportingInstance: 'test-1',
  } as KubeObject);
}

/** Removes the owners of a name, and their events. */
export async function forgetOwners(kube: KubeClient, name: string): Promise<void> {
  for (const resource of OWNERS) await kube.delete(resource, name, 'shop');
  const { items } = await kube.list<KubeObject & { reason?: string }>(events, { namespace: 'shop' });
  for (const { metadata, reason } of items)
    if (reason === 'FailedCreate') await kube.delete(events, metadata.name, 'shop');
}
