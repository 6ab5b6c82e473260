import { microTime } from './micro-time.ts';

/** `coordination.k8s.io/v1` LeaseSpec, as far as it is used. Times are MicroTime: RFC 3339 with six decimals. */
export interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
  [field: string]: unknown;
}

export type LeaseDecision =
  | { do: 'create' }
  /** Free, released or run out. */
  | { do: 'take' }
  | { do: 'renew' }
  /** Another holds it; it can run out no sooner than in `forMs`. */
  | { do: 'wait'; holder: string; forMs: number };

/**
 * What a candidate may do with the lease it last read.
 *
 * | lease                                        | decision |
 * |----------------------------------------------|----------|
 * | there is none                                | create   |
 * | nobody holds it (released)                   | take     |
 * | we hold it                                   | renew    |
 * | another, and it changed lately               | wait     |
 * | another, unchanged for its whole duration    | take     |
 *
 * `observedAtMs` is when **we** first saw the lease as it is now, on our own steady clock, as is `nowMs`: the clocks of
 * two machines are never compared. The duration is the holder's own promise, not our setting.
 */
export function decideLease(
  lease: LeaseSpec | undefined,
  identity: string,
  observedAtMs: number,
  nowMs: number,
): LeaseDecision {
  if (!lease) return { do: 'create' };
  const holder = lease.holderIdentity ?? '';
  if (holder === '') return { do: 'take' };
  if (holder === identity) return { do: 'renew' };
  const leftMs = observedAtMs + (lease.leaseDurationSeconds ?? 0) * 1000 - nowMs;
  return leftMs > 0 ? { do: 'wait', holder, forMs: leftMs } : { do: 'take' };
}

/** The spec to write to hold the lease from now on; `now` is ms since 1970. Fields this program does not know are kept. */
export function claimedLease(
  lease: LeaseSpec | undefined,
  identity: string,
  durationMs: number,
  now: number,
): LeaseSpec {
  const stamp = microTime(now);
  const mine = lease?.holderIdentity === identity;
  return {
    ...lease,
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(durationMs / 1000),
    renewTime: stamp,
    acquireTime: mine ? (lease.acquireTime ?? stamp) : stamp,
    leaseTransitions: lease === undefined ? 0 : (lease.leaseTransitions ?? 0) + (mine ? 0 : 1),
  };
}

/** The spec to write to give the lease up: the next candidate that looks may take it. */
export function releasedLease(lease: LeaseSpec, now: number): LeaseSpec {
  return { ...lease, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(now) };
}
