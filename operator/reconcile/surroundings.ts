import type { Consul } from '../../clients/consul/consul.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import { pods } from '../../clients/kube/resources.ts';
import type { Log } from '../../base/log.ts';
import type { LabelSelector } from '../../crds/kubernetes.ts';
import { consulName } from '../../crds/mesh-service.ts';
import { equal } from '../../mesh/equal.ts';
import { LABEL_INJECT, LABEL_MESH_SERVICE } from '../../mesh/names/names.ts';
import type { Intent } from '../../mesh/service/desired.ts';
import { stillRefused } from '../../mesh/service/pod-refusal.ts';
import { selectorQuery } from '../../mesh/service/selector.ts';
import { type Outside, outsideOf } from '../../mesh/status/outside.ts';
import type { Seen } from '../../mesh/status/status.ts';
import { type PodWithoutSidecar, podWithoutSidecar } from '../../mesh/status/without-sidecar.ts';
import type { Doors } from '../doors/doors.ts';
import type { ForeignBook } from '../foreign/foreign-book.ts';
import type { Gateway } from '../gateways/keep-gateway.ts';
import type { ProxyWatch } from '../proxies/proxy-watch.ts';
import type { RefusedPods } from '../world/refused-pods.ts';
import type { SiteReach } from '../world/site-reach.ts';
import type { World } from '../world/world.ts';

export interface SurroundingsParts {
  kube: Pick<KubeClient, 'list'>;
  consul: Pick<Consul, 'health'>;
  namespaces: World['namespaces'];
  siteReach: Pick<SiteReach, 'seen'>;
  proxies: Pick<ProxyWatch, 'seen'>;
  foreign: Pick<ForeignBook, 'seen'>;
  refusedPods: RefusedPods;
  doors: Pick<Doors, 'seen'>;
  edge: Pick<Gateway, 'verdictOf' | 'judgedOf'>;
  gateway: Pick<Gateway, 'verdictOf'>;
  nowMs: () => number;
  log: Log;
}

/** The facts about a MeshService that neither its object nor the walk itself knows. */
export type Around = Omit<Seen, 'consulDown' | 'clusterTaken' | 'tokenProblem'>;

/** The key is `namespace/name`. */
export interface Surroundings {
  /** Never throws: a count that fails is the one before. */
  look(intent: Intent): Promise<Around>;
  /** The next look counts again, even soon after the last count. */
  doubt(key: string): void;
  /** The object is gone. */
  forget(key: string): void;
}

/** A walk that was made for another reason counts again after this long. */
const COUNT_GOOD_MS = 30_000;

/** Counts that no watch brings. */
interface Count {
  podsWithoutSidecar: PodWithoutSidecar[];
  external: Outside;
  atMs: number;
}

export function surroundings(parts: SurroundingsParts): Surroundings {
  const { kube, consul, nowMs, log } = parts;
  const stale = new Set<string>();
  const counts = new Map<string, Count>();

  async function count({ namespace, name, meshService }: Intent, before: Outside | undefined): Promise<Count> {
    const { workloads, service = name } = meshService!.spec;
    const [podsWithoutSidecar, external] = await Promise.all([
      workloads.pods === undefined ? [] : podsWithout(kube, namespace, workloads.pods.selector),
      workloads.external === undefined ? { ready: 0, total: 0 } : countExternal(consul, service, before),
    ]);
    return { podsWithoutSidecar, external, atMs: nowMs() };
  }

  async function lastCount(key: string, intent: Intent): Promise<Omit<Count, 'atMs'>> {
    const known = counts.get(key);
    if (known !== undefined && !stale.has(key) && nowMs() - known.atMs <= COUNT_GOOD_MS) return known;
    try {
      const counted = await count(intent, known?.external);
      counts.set(key, counted);
      stale.delete(key);
      return counted;
    } catch (error) {
      // A failed count does not prove that anything is gone.
      log.warn({ err: error, meshService: key }, 'could not look around');
      return known ?? { podsWithoutSidecar: [], external: { ready: 0, total: 0 } };
    }
  }

  return {
    async look(intent) {
      const key = `${intent.namespace}/${intent.name}`;
      const meshService = intent.meshService!;
      const namespaceEnabled = parts.namespaces.get(intent.namespace) !== undefined;
      const { podsWithoutSidecar, external } = await lastCount(key, intent);
      const refusal = parts.refusedPods.of(meshService);
      const created = intent.pods.map(({ createdMs = 0 }) => createdMs);
      // A verdict about an earlier wish says nothing about this one.
      const isJudged = equal(parts.edge.judgedOf(key), meshService.spec.expose);
      return {
        podsWithoutSidecar,
        podsRefused: refusal && stillRefused(refusal, created, nowMs()) ? refusal.message : undefined,
        external,
        namespaceEnabled,
        notExposed: isJudged ? parts.edge.verdictOf(key) : undefined,
        reach: parts.siteReach.seen(consulName(meshService)),
        proxies: parts.proxies.seen(key),
        doors: parts.doors.seen(meshService),
        foreign: parts.foreign.seen(key),
        notLinked: parts.gateway.verdictOf(key),
      };
    },
    doubt: (key) => void stale.add(key),
    forget(key) {
      counts.delete(key);
      stale.delete(key);
    },
  };
}

/** Live pods that the selector matches and that no injection has marked, by name. */
async function podsWithout(
  kube: SurroundingsParts['kube'],
  namespace: string,
  selector: LabelSelector,
): Promise<PodWithoutSidecar[]> {
  const labelSelector = [selectorQuery(selector), `!${LABEL_MESH_SERVICE}`, `${LABEL_INJECT}!=false`].join(',');
  const fieldSelector = 'status.phase!=Succeeded,status.phase!=Failed';
  const { items } = await kube.list(pods, { namespace, labelSelector, fieldSelector, metadataOnly: true });
  return items.map(({ metadata }) => podWithoutSidecar(metadata)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function countExternal(
  consul: SurroundingsParts['consul'],
  service: string,
  before: Outside | undefined,
): Promise<Outside> {
  const instances = await consul.health(service);
  return outsideOf(
    instances.filter((instance) => instance.service.Meta.platform !== 'pod'),
    before,
  );
}
