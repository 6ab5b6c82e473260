import type { Consul } from '../../clients/consul/consul.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { Log } from '../../base/log.ts';
import { consulName } from '../../crds/mesh-service.ts';
import { equal } from '../../mesh/equal.ts';
import type { Intent } from '../../mesh/service/desired.ts';
import { stillRefused } from '../../mesh/service/pod-refusal.ts';
import { recalledOutside } from '../../mesh/status/outside.ts';
import type { Seen } from '../../mesh/status/status.ts';
import type { Doors } from '../doors/doors.ts';
import type { ForeignBook } from '../foreign/foreign-book.ts';
import type { Gateway } from '../gateways/keep-gateway.ts';
import type { ProxyWatch } from '../proxies/proxy-watch.ts';
import type { RefusedPods } from '../world/refused-pods.ts';
import type { SiteReach } from '../world/site-reach.ts';
import type { World } from '../world/world.ts';
import { type Found, NOTHING_FOUND, lookAround } from './look-around.ts';

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
type Around = Omit<Seen, 'consulDown' | 'clusterTaken' | 'tokenProblem'>;

/** The key is `namespace/name`. */
export interface Surroundings {
  /** Never throws: after a look that fails the findings are those of the look before. */
  look(intent: Intent): Promise<Around>;
  /** The next look asks again, even soon after the last. */
  doubt(key: string): void;
  /** The object is gone. */
  forget(key: string): void;
}

/** A walk that was made for another reason looks again after this long. */
const LOOK_GOOD_MS = 30_000;

export function surroundings(parts: SurroundingsParts): Surroundings {
  const { nowMs, log } = parts;
  const stale = new Set<string>();
  const looks = new Map<string, Found & { atMs: number }>();

  async function lastLook(key: string, intent: Intent): Promise<Found> {
    const known = looks.get(key);
    if (known !== undefined && !stale.has(key) && nowMs() - known.atMs <= LOOK_GOOD_MS) return known;
    try {
      const found = await lookAround(parts, intent, known);
      looks.set(key, { ...found, atMs: nowMs() });
      stale.delete(key);
      return found;
    } catch (error) {
      // A failed look does not prove that anything is gone.
      log.warn({ err: error, meshService: key }, 'could not look around');
      // Before the first look, the status holds the counts of the operator that led before.
      return known ?? { ...NOTHING_FOUND, external: recalledOutside(intent.meshService!.status) };
    }
  }

  return {
    async look(intent) {
      const key = `${intent.namespace}/${intent.name}`;
      const meshService = intent.meshService!;
      const namespaceEnabled = parts.namespaces.get(intent.namespace) !== undefined;
      const { podsWithoutSidecar, external, nobodyMakesPods } = await lastLook(key, intent);
      const refusal = parts.refusedPods.of(meshService);
      const created = intent.pods.map(({ createdMs = 0 }) => createdMs);
      // A verdict about an earlier wish says nothing about this one.
      const isJudged = equal(parts.edge.judgedOf(key), meshService.spec.expose);
      return {
        podsWithoutSidecar,
        nobodyMakesPods,
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
      looks.delete(key);
      stale.delete(key);
    },
  };
}
