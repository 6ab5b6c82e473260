import type { KubeClient } from '../client.ts';
import type { Clock } from '../../../base/clock.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../errors.ts';
import { claimedLease, decideLease, releasedLease, type LeaseSpec } from './lease-decision.ts';
import type { KubeObject } from '../object.ts';
import { apiVersionOf, collectionPath, leases, objectPath } from '../resources.ts';

interface LeaseObject extends KubeObject {
  spec?: LeaseSpec;
}

type Attempt =
  | { held: true; /** On the steady clock, taken before the write was sent: it counts from here. */ sinceMs: number }
  | { held: false; holder: string; /** It may be free after this long. */ forMs: number };

export interface LeaseHandle {
  /**
   * Reads if need be, decides, and writes with the version it read: of candidates that write at once, one succeeds.
   * Throws KubeError when the outcome is unknown or the API server refuses, or the reason of `signal`.
   */
  attempt(timeoutMs: number, signal?: AbortSignal): Promise<Attempt>;
  /** Gives it up if it is ours still, and does nothing otherwise. Throws KubeError. */
  release(timeoutMs: number): Promise<void>;
}

export interface LeaseSettings {
  client: Pick<KubeClient, 'request'>;
  namespace: string;
  name: string;
  /** Unique to this process, not to its pod: a restarted container must not take itself for its predecessor. */
  identity: string;
  durationMs: number;
  clock: Pick<Clock, 'now' | 'steady'>;
}

type Call = { timeoutMs: number; signal?: AbortSignal };

export function openLease(settings: LeaseSettings): LeaseHandle {
  const { client, namespace, name, identity, durationMs, clock } = settings;
  const path = objectPath(leases, name, namespace);
  /** The lease as last read or written; undefined when that has to be found out. */
  let known: LeaseObject | undefined;
  let seen = { spec: '', atMs: 0 };

  async function read(call: Call): Promise<LeaseObject | undefined> {
    try {
      const lease = await client.request<LeaseObject>('GET', path, call);
      const spec = JSON.stringify(lease.spec ?? {});
      if (spec !== seen.spec) seen = { spec, atMs: clock.steady() };
      return lease;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  function write(lease: LeaseObject | undefined, spec: LeaseSpec, call: Call): Promise<LeaseObject> {
    if (lease) return client.request('PUT', path, { body: { ...lease, spec }, ...call });
    const body = { apiVersion: apiVersionOf(leases), kind: leases.kind, metadata: { name, namespace }, spec };
    return client.request('POST', collectionPath(leases, namespace), { body, ...call });
  }

  async function attemptOnce({ timeoutMs, signal }: Call): Promise<Attempt> {
    const startedAt = clock.steady();
    const lease = known ?? (await read({ timeoutMs, signal }));
    known = undefined;
    const decision = decideLease(lease?.spec ?? (lease && {}), identity, seen.atMs, clock.steady());
    if (decision.do === 'wait') return { held: false, holder: decision.holder, forMs: decision.forMs };
    const sinceMs = clock.steady();
    const leftMs = Math.max(1, timeoutMs - (sinceMs - startedAt));
    known = await write(lease, claimedLease(lease?.spec, identity, durationMs, clock.now()), {
      timeoutMs: leftMs,
      signal,
    });
    return { held: true, sinceMs };
  }

  return {
    async attempt(timeoutMs, signal) {
      const startedAt = clock.steady();
      try {
        return await attemptOnce({ timeoutMs, signal });
      } catch (error) {
        // Somebody wrote first, perhaps only a label: look again.
        if (!isConflict(error) && !isAlreadyExists(error) && !isNotFound(error)) throw error;
        return attemptOnce({ timeoutMs: Math.max(1, timeoutMs - (clock.steady() - startedAt)), signal });
      }
    },
    async release(timeoutMs) {
      const lease = await read({ timeoutMs });
      known = undefined;
      if (lease?.spec?.holderIdentity === identity)
        await write(lease, releasedLease(lease.spec, clock.now()), { timeoutMs });
    },
  };
}
