import type { Logger } from 'pino';

import type { Clock } from '../../base/clock.ts';
import type { RefusalsRequest } from '../../mesh/outside/bridge-api.ts';
import { REFUSALS_AGAIN_MS } from '../../mesh/outside/machine-report.ts';

import type { LocalInstance } from '../instances/local-instance.ts';
import { tellChanges } from '../tell-changes.ts';

/** As many as a request may hold. */
const MAX_PROXIES = 64;
const MAX_REFUSALS = 8;

/** Tells the bridge of the updates that Envoys of this machine refuse; see tellChanges. */
export function tellRefusals(options: {
  instances: () => LocalInstance[];
  tell: (request: RefusalsRequest) => Promise<unknown>;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { instances, ...others } = options;
  return tellChanges({
    ...others,
    request: () => ({ proxies: refusalsOf(instances()) }),
    isEmpty: ({ proxies }) => proxies.length === 0,
    againMs: REFUSALS_AGAIN_MS,
    repeatsEmpty: false,
    of: 'updates that Envoys refuse',
  });
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
