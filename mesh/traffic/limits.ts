import type { Route, Traffic } from '../../crds/traffic.ts';
import { goDuration, parseDurationMs } from '../duration.ts';

/** Envoy's own; written so that it can be read in Consul too. */
const TIMEOUT = '15s';
/** Envoy's own for a stream in which nothing moves. */
const IDLE_MS = 300_000;
export const IDLE_TIMEOUT = goDuration(IDLE_MS);
/** Consul takes 0 for "not said", and a negative duration for "none". */
const NONE = '-1s';

/**
 * RequestTimeout and IdleTimeout of a route, as Consul spells them. An answer that takes longer than Envoy's idle limit
 * is silent until it comes, so that a longer timeout lifts the idle limit where no other is given.
 */
export function limitsOf(
  route: Pick<Partial<Route>, 'timeout' | 'idleTimeout'>,
  traffic: Pick<Traffic, 'timeout' | 'idleTimeout'>,
): Record<string, string> {
  const timeoutMs = parseDurationMs(route.timeout ?? traffic.timeout ?? TIMEOUT);
  const idle = route.idleTimeout ?? traffic.idleTimeout;
  const idleMs = idle === undefined ? Math.max(timeoutMs, IDLE_MS) : parseDurationMs(idle);
  return {
    RequestTimeout: spell(timeoutMs),
    ...(idle === undefined && idleMs === IDLE_MS ? {} : { IdleTimeout: spell(idleMs) }),
  };
}

const spell = (ms: number): string => (ms === 0 ? NONE : goDuration(ms));

/**
 * For the proxy of the one who is called: sidecar or terminating gateway. The caller's keeps the time and ends the
 * request on both, and only the caller's knows which route it goes by, so that the callee's own limit, 15 s by Envoy's
 * default, can only be in the way. Consul's config entries have no "none" here: a year.
 */
export const CALLEE_TIMEOUT_MS = 365 * 24 * 3_600_000;
