import type { Consul } from '../../clients/consul/consul.ts';
import { ConsulUnavailable } from '../../clients/consul/errors.ts';
import type { Reachability } from '../../clients/consul/reachability.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { splitKey } from '../../clients/kube/object.ts';
import { meshServiceOfNode, podsNode } from '../../mesh/names/names.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { repairEntries } from '../foreign/entry-repair.ts';
import type { EntryWatch } from '../foreign/entry-watch.ts';
import type { ForeignBook } from '../foreign/foreign-book.ts';
import type { OperatorMetrics } from '../observe/metrics.ts';
import { type Queue, createQueue } from './queue.ts';
import { type WalkParts, reconcile } from './reconcile.ts';
import type { KnownNames } from './known-names.ts';
import { type Marked, surveyor } from '../catalog/survey.ts';
import { type VerificationOptions, verifyInTurns } from './verification.ts';
import type { World } from '../world/world.ts';

export interface ControllerOptions {
  world: World;
  consul: Pick<Consul, 'marks' | 'checks' | 'listNodes' | 'listConfig'>;
  reachability: Pick<Reachability, 'away'>;
  catalog: Catalog;
  /** Default: only the survey finds entries that others have changed. */
  entries?: EntryWatch | undefined;
  foreign: Pick<ForeignBook, 'pauseMs'>;
  /** The owners that walks ask and tell, and some of which verification puts in doubt. */
  parts: WalkParts &
    Pick<VerificationOptions, 'surroundings' | 'sidecarSecrets'> & { names: Pick<KnownNames, 'found'> };
  cluster: string;
  /** Namespaces whose MeshServices are read. Default: all. Entries of other namespaces stay as they are. */
  watched?: readonly string[];
  metrics: OperatorMetrics;
  /** How often all is compared with Consul itself. */
  verifyMs: number;
  clock: Clock;
  random: () => number;
  signal: AbortSignal;
  log: Log;
}

export interface Controller {
  queue: Queue;
  /** Consul answers again: the waiting keys are walked, and all others compared. */
  consulIsBack(): void;
}

/** The longest wait of the first walks for Consul's indexes. */
const BEGIN_MS = 500;

/** While this replica leads: every key once, then every change, and the findings of verification. */
export function runController(options: ControllerOptions): Controller {
  const { world, consul, reachability, catalog, parts, cluster, metrics, verifyMs, clock, random, signal, log } =
    options;
  const { watched = [] } = options;

  async function work(key: string): Promise<void> {
    const stop = metrics.reconcileSeconds.startTimer();
    try {
      await reconcile(key, parts);
      metrics.reconciles.inc({ result: 'success' });
      repair?.walked(key);
    } catch (error) {
      metrics.reconciles.inc({ result: 'error' });
      throw error;
    } finally {
      stop();
      metrics.queue.set(queue.size);
    }
  }

  /** `namespace/name` of a MeshService -> its Consul node. */
  const nodeOf = (key: string): string => {
    const { namespace = '', name } = splitKey(key);
    return podsNode(cluster, namespace, name);
  };

  const queue = createQueue({
    work,
    onError: (key, error, retryMs) => {
      // After a failed write nobody knows what Consul holds.
      catalog.doubt(nodeOf(key));
      const problem = (error as Error).message;
      if (retryMs === undefined) log.info({ meshService: key }, 'walk waits for Consul');
      else log.warn({ meshService: key, problem, retryMs: Math.round(retryMs) }, 'walk failed');
    },
    parks: (error) => error instanceof ConsulUnavailable && reachability.away,
    random,
    signal,
  });
  /** An earlier walk has written entries that this process does not remember. */
  function onUnknown({ namespace, name, services }: Marked): void {
    if (watched.length > 0 && !watched.includes(namespace)) return;
    const key = `${namespace}/${name}`;
    parts.names.found(key, services);
    queue.add(key);
  }
  const { begin, survey } = surveyor({ consul, catalog, cluster, onUnknown });
  const verification = verifyInTurns({
    meshServices: world.meshServices,
    survey,
    nodeOf,
    catalog,
    surroundings: parts.surroundings,
    sidecarSecrets: parts.sidecarSecrets,
    walk: (key) => queue.add(key),
    verifyMs,
    clock,
    random,
    signal,
    log,
  });
  const repair =
    options.entries &&
    repairEntries({
      entries: options.entries,
      nodeOf,
      keyOf: (node) => meshServiceOfNode(cluster, node),
      catalog,
      pauseMs: options.foreign.pauseMs,
      walk: (key) => queue.add(key),
      survey: () => void verification.survey(),
      clock,
      signal,
    });
  // After any outcome: the first survey compares all then.
  const begun = begin().catch(() => undefined);
  void Promise.race([begun, clock.wait(BEGIN_MS, signal)]).then(() => {
    for (const key of world.meshServices.keys()) queue.add(key);
  });
  log.info({ meshServices: world.meshServices.size, pods: world.pods.size }, 'leading');
  return {
    queue,
    consulIsBack() {
      queue.release();
      void verification.survey();
    },
  };
}
