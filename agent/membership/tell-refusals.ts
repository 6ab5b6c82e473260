import type { Logger } from 'pino';

import type { RefusalsRequest } from '../../mesh/outside/bridge-api.ts';
import { REFUSALS_AGAIN_MS } from '../../mesh/outside/machine-report.ts';

import { BridgeRefusal } from '../bridge-client.ts';
import type { Clock } from '../../base/clock.ts';
import type { LocalInstance } from '../instances/local-instance.ts';
import { messageOf } from '../../base/problem.ts';

const LOOK_MS = 1000;
/** After a bridge that did not answer, or that is too old to know the question. */
const AGAIN_MS = 3000;
const UNKNOWN_MS = 60_000;
/** As many as a request may hold. */
const MAX_PROXIES = 64;
const MAX_REFUSALS = 8;

/**
 * Tells the bridge what Envoys of this machine refuse, when that changes, and again now and then while it lasts. A machine
 * where nothing was ever refused says nothing.
 */
export async function tellRefusals(options: {
  instances: () => LocalInstance[];
  tell: (request: RefusalsRequest) => Promise<unknown>;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { instances, tell, clock, log, signal } = options;
  let told = JSON.stringify([]);
  let dueMs = 0;
  while (!signal.aborted) {
    await clock.wait(LOOK_MS, signal);
    const proxies = refusalsOf(instances());
    const now = JSON.stringify(proxies);
    const again = proxies.length > 0 && clock.steady() >= dueMs;
    if (signal.aborted || (now === told && !again)) continue;
    try {
      await tell({ proxies });
      told = now;
      dueMs = clock.steady() + REFUSALS_AGAIN_MS;
    } catch (error) {
      log.debug({ message: messageOf(error) }, 'the bridge could not be told what Envoys refuse');
      await clock.wait(error instanceof BridgeRefusal && error.status === 404 ? UNKNOWN_MS : AGAIN_MS, signal);
    }
  }
}

const refusalsOf = (instances: LocalInstance[]): RefusalsRequest['proxies'] =>
  instances
    .filter(({ envoy }) => envoy.status.refusals.length > 0)
    .slice(0, MAX_PROXIES)
    .map(({ id, service, envoy }) => ({
      id,
      service,
      refusals: envoy.status.refusals.slice(0, MAX_REFUSALS).map(({ subscription, kind, rejected, words }) => ({
        subscription: subscription.slice(0, 300),
        kind,
        rejected,
        ...(words === undefined ? {} : { words }),
      })),
    }));
