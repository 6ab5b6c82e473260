import type { Consul } from '../../clients/consul/consul.ts';
import type { NodeEntry } from '../../mesh/catalog/entry.ts';
import { CLUSTER_UID_META, clusterNode, clusterOwner } from '../../mesh/names/names.ts';
import { OWNER_META } from '../../mesh/catalog/entry.ts';
import type { Catalog } from './catalog.ts';

/** Another Kubernetes cluster goes by this one's name in Consul. Nothing under the name is ours. */
export class ClusterNameTaken extends Error {
  override readonly name = 'ClusterNameTaken';
}

export interface ClusterClaimOptions {
  consul: Pick<Consul, 'readNode' | 'createNode'>;
  cluster: string;
  /** The identity of this Kubernetes cluster: the uid of its namespace kube-system. */
  clusterUid: () => Promise<string>;
  /** How long an answer is good for. */
  trustMs: number;
  steadyMs: () => number;
}

/**
 * The claim of a Kubernetes cluster on its name in Consul: a node `k8s.<cluster>.cluster` with the cluster's uid. Two clusters of
 * one name would each take the other's instances for leftovers of its own and remove them, so the second does nothing.
 * It is looked at again after `trustMs`, since Consul may have lost it, and a stranger made one meanwhile.
 */
export interface ClusterClaim {
  /** Throws ClusterNameTaken when another cluster holds the name, and the errors of Consul. */
  hold(): Promise<void>;
}

export function clusterClaim(options: ClusterClaimOptions): ClusterClaim {
  const { consul, cluster, trustMs, steadyMs } = options;
  let known: { answer: Promise<void>; untilMs: number } | undefined;
  /** Never another for the same cluster, so that the API server is asked once: the state in Consul is kept up without it. */
  let uid = '';

  async function claim(): Promise<void> {
    uid ||= await options.clusterUid();
    const Meta = { 'synthetic-node': 'true', [OWNER_META]: clusterOwner(cluster), [CLUSTER_UID_META]: uid };
    const mine = { Node: clusterNode(cluster), Address: '127.0.0.1', Meta };
    const held = await consul.readNode(mine.Node);
    if (held === undefined && (await consul.createNode(mine))) return;
    const holder = held ?? (await consul.readNode(mine.Node));
    // It was there a moment ago, so nobody holds it now.
    if (holder === undefined) throw new Error(`${mine.Node} was deleted in Consul while it was claimed`);
    if (holder.Meta[CLUSTER_UID_META] !== uid) throw new ClusterNameTaken(taken(cluster, holder));
  }

  return {
    hold() {
      if (known !== undefined && steadyMs() < known.untilMs) return known.answer;
      const answer = claim();
      const now = { answer, untilMs: steadyMs() + trustMs };
      known = now;
      // That Consul did not answer is nothing to remember.
      answer.catch((error: unknown) => {
        if (!(error instanceof ClusterNameTaken) && known === now) known = undefined;
      });
      return answer;
    },
  };
}

/** The catalog of a cluster that holds its name. Each walk reads before it writes, so this guards both. */
export const claimedCatalog = (claim: ClusterClaim, catalog: Catalog): Catalog => ({
  ...catalog,
  async read(place, desired) {
    await claim.hold();
    return catalog.read(place, desired);
  },
});

const taken = (cluster: string, holder: NodeEntry): string =>
  `the cluster name ${cluster} belongs in Consul to another Kubernetes cluster (uid ${holder.Meta[CLUSTER_UID_META] ?? 'unknown'}), so nothing was read or written: give this cluster another name, or, if that one is gone for good, delete the node ${clusterNode(cluster)} from Consul`;
