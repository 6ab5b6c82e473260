import type { KubeClient } from '../../clients/kube/client.ts';
import type { Discover } from '../../clients/kube/discover.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { customResourceDefinitions, meshServices, pods } from '../../clients/kube/resources.ts';
import { GROUP } from '../../crds/mesh-service.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { installedObjects } from './installed-objects.ts';

/** Kinds of which the processes make objects themselves, in the namespace of the installation. */
const MADE_LATER: readonly [apiVersion: string, kind: string][] = [
  ['v1', 'PersistentVolumeClaim'],
  ['coordination.k8s.io/v1', 'Lease'],
  ['v1', 'Secret'],
];

/**
 * Everything of an installation that the cluster holds: MeshServices first, then what was applied, then what our
 * processes made: Secrets, leases, claims. `kept` names kinds that are to stay.
 */
export async function everythingOf(
  kube: KubeClient,
  discover: Discover,
  kept: ReadonlySet<string> = new Set(),
): Promise<KubeObject[]> {
  const found = await meshServicesOf(kube);
  found.push(...(await installedObjects(kube, discover)));
  found.push(...(await madeLater(kube, discover)), ...(await podsOf(kube)));
  const once = new Map(
    found.map((object) => [`${object.kind} ${object.metadata.namespace} ${object.metadata.name}`, object]),
  );
  return [...once.values()].filter(({ kind }) => !kept.has(kind!));
}

/** Objects that only our processes made, and none that was applied. */
export async function madeLater(kube: KubeClient, discover: Discover): Promise<KubeObject[]> {
  const found: KubeObject[] = [];
  for (const [apiVersion, kind] of MADE_LATER) {
    const { items } = await kube.list<KubeObject>(await discover(apiVersion, kind), {
      namespace: NAMESPACE,
      metadataOnly: true,
    });
    found.push(...items.filter(isOurs).map((object) => ({ ...object, apiVersion, kind })));
  }
  return [...found, ...(await sidecarSecrets(kube, discover))];
}

/** Of the user's own Secrets in our namespace, such as an external Consul's CA, none begins so. */
const isOurs = ({ metadata: { name, labels } }: KubeObject): boolean =>
  labels?.['app.kubernetes.io/part-of'] === 'landbridge' || /^(data-)?landbridge-/.test(name);

async function podsOf(kube: KubeClient): Promise<KubeObject[]> {
  const { items } = await kube.list<KubeObject>(pods, { namespace: NAMESPACE, metadataOnly: true });
  return items.filter(isOurs).map((object) => ({ ...object, apiVersion: 'v1', kind: 'Pod' }));
}

export async function meshServicesOf(kube: KubeClient): Promise<KubeObject[]> {
  if ((await kube.get(customResourceDefinitions, `meshservices.${GROUP}`)) === undefined) return [];
  const { items } = await kube.list<KubeObject>(meshServices, { metadataOnly: true });
  return items.map((object) => ({ ...object, apiVersion: `${GROUP}/v1alpha1`, kind: 'MeshService' }));
}

async function sidecarSecrets(kube: KubeClient, discover: Discover): Promise<KubeObject[]> {
  const { items } = await kube.list<KubeObject>(await discover('v1', 'Secret'), {
    labelSelector: 'app.kubernetes.io/managed-by=landbridge',
    metadataOnly: true,
  });
  return items.map((object) => ({ ...object, apiVersion: 'v1', kind: 'Secret' }));
}
