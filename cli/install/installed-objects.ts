import { inParallel } from '../../base/in-parallel.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { Discover } from '../../clients/kube/discover.ts';
import { isNotFound } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';

/** Kinds that the chart makes, in the order of their removal: first the kinds that refuse pods, last the ones that hold data. */
const KINDS: readonly [apiVersion: string, kind: string][] = [
  ['admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration'],
  ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration'],
  ['monitoring.coreos.com/v1', 'PodMonitor'],
  ['policy/v1', 'PodDisruptionBudget'],
  ['networking.k8s.io/v1', 'NetworkPolicy'],
  ['batch/v1', 'Job'],
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'StatefulSet'],
  ['v1', 'Service'],
  ['v1', 'ConfigMap'],
  ['rbac.authorization.k8s.io/v1', 'RoleBinding'],
  ['rbac.authorization.k8s.io/v1', 'Role'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRole'],
  ['v1', 'ServiceAccount'],
  ['scheduling.k8s.io/v1', 'PriorityClass'],
  ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
  ['v1', 'Namespace'],
];

const PARALLEL = 8;

/** With `watchNamespaces` there is one in each. */
const ELSEWHERE_TOO = new Set(['RoleBinding']);

export const PART_OF = 'app.kubernetes.io/part-of=landbridge';

/** Every object of an installation that the chart made, by its label. Objects that processes made later are not among them. */
export async function installedObjects(kube: KubeClient, discover: Discover): Promise<KubeObject[]> {
  const found = KINDS.map((): KubeObject[] => []);
  const problems: unknown[] = [];
  const look = async (at: number): Promise<void> => {
    const [apiVersion, kind] = KINDS[at]!;
    const resource = await discover(apiVersion, kind).catch(() => undefined);
    if (resource === undefined) return;
    const place = resource.namespaced && !ELSEWHERE_TOO.has(kind) ? { namespace: NAMESPACE } : {};
    const { items } = await kube
      .list<KubeObject>(resource, { ...place, labelSelector: PART_OF, metadataOnly: true })
      .catch((error: unknown) => {
        if (isNotFound(error)) return { items: [] as KubeObject[] };
        throw error;
      });
    // A generated object (an EndpointSlice, a ReplicaSet's pod) goes with its owner.
    const own = items.filter(
      ({ metadata }) => ((metadata as { ownerReferences?: unknown[] }).ownerReferences ?? []).length === 0,
    );
    found[at] = own.map((object) => ({ ...object, apiVersion, kind }));
  };
  await inParallel([...KINDS.keys()], PARALLEL, (at) => look(at).catch((error: unknown) => void problems.push(error)));
  if (problems.length > 0) throw problems[0];
  return found.flat();
}
