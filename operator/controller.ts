import type { Log } from '../clients/kube/log.ts';
import { podsNode } from '../mesh/names.ts';
import type { Catalog } from './catalog.ts';
import type { OperatorMetrics } from './metrics.ts';
import { type Queue, createQueue } from './queue.ts';
import { reconcile } from './reconcile.ts';
import type { OperatorSteps } from './steps.ts';
import type { World } from './world.ts';

export interface ControllerOptions {
  world: World;
  catalog: Catalog;
  steps: OperatorSteps;
  cluster: string;
  metrics: OperatorMetrics;
  /** How often each MeshService is compared with Consul itself; jittered by a quarter. */
  verifyMs: number;
  random: () => number;
  signal: AbortSignal;
  log: Log;
}

/** Off-cluster instances come and go without an event of ours; their counts in the status are this old at most. */
const EXTERNAL_LOOK_MS = 10_000;

/** While this replica leads: every key once, then every change, and each key again on a jittered timer. */
export function runController(options: ControllerOptions): Queue {
  const { world, catalog, steps, metrics, random, signal, log, verifyMs } = options;

  async function work(key: string): Promise<void> {
    const stop = metrics.reconcileSeconds.startTimer();
    try {
      if (!(await steps.refuseInvalid(key))) await reconcile(key, steps);
      metrics.reconciles.inc({ result: 'success' });
    } catch (error) {
      metrics.reconciles.inc({ result: 'error' });
      throw error;
    } finally {
      stop();
      metrics.queue.set(queue.size);
    }
  }

  const queue = createQueue({
    work,
    onError: (key, error, retryMs) => {
      // After a failed write nobody knows what Consul holds.
      catalog.doubt(nodeOf(key, options.cluster));
      log.warn({ meshService: key, problem: (error as Error).message, retryMs: Math.round(retryMs) }, 'walk failed');
    },
    random,
    signal,
  });

  const timers = new Map<string, NodeJS.Timeout>();
  const verifyLater = (key: string): void => {
    const external = world.meshServices.get(key)?.meshService?.spec.workloads.external !== undefined;
    const period = external ? Math.min(verifyMs, EXTERNAL_LOOK_MS) : verifyMs;
    const timer = setTimeout(
      () => {
        if (signal.aborted || world.meshServices.get(key) === undefined) return void timers.delete(key);
        catalog.doubt(nodeOf(key, options.cluster));
        steps.forgetLooks(key);
        queue.add(key);
        verifyLater(key);
      },
      period * (0.75 + 0.5 * random()),
    );
    timers.set(key, timer);
  };
  signal.addEventListener('abort', () => timers.forEach((timer) => clearTimeout(timer)));

  const watched: Queue = {
    ...queue,
    get size() {
      return queue.size;
    },
    add(key) {
      if (!timers.has(key) && world.meshServices.get(key) !== undefined) verifyLater(key);
      queue.add(key);
    },
  };
  for (const key of world.meshServices.keys()) watched.add(key);
  log.info({ meshServices: world.meshServices.size, pods: world.pods.size }, 'leading');
  return watched;
}

/** `namespace/name` of a MeshService -> its Consul node. */
function nodeOf(key: string, cluster: string): string {
  const [namespace = '', name = ''] = key.split('/');
  return podsNode(cluster, namespace, name);
}
