import { createBackoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { ConsulUnavailable } from './errors.ts';
import type { Transport } from './transport.ts';

export interface Reachability {
  /** The transport; while Consul is away it throws ConsulUnavailable at once and sends nothing. */
  transport: Transport;
  readonly away: boolean;
}

export interface ReachabilityOptions {
  /** Once a time that Consul goes, and once when it is back. */
  onAway: (error: ConsulUnavailable) => void;
  onReturn: () => void;
  clock: Clock;
  /** 0 <= random() < 1. */
  random: () => number;
  signal: AbortSignal;
}

/** Consul counts as back for good after this long; until then the pauses between probes go on growing. */
const STEADY_MS = 30_000;
const FIRST_PROBE_MS = 200;
/** A probe is one small request, so the return is noticed within a second. */
const LAST_PROBE_MS = 1000;

/**
 * Lets one probe ask for all while Consul is away, instead of each caller by itself.
 *
 *   there --a request finds no server--> away --pause, GET /v1/status/leader answers--> there
 *                                         ^ |
 *                                         +-+ no answer: the pause grows to a second
 */
export function watchReachability(inner: Transport, options: ReachabilityOptions): Reachability {
  const { onAway, onReturn, clock, random, signal } = options;
  const backoff = createBackoff({ baseMs: FIRST_PROBE_MS, capMs: LAST_PROBE_MS, random });
  let away = false;
  let backSinceMs = -Infinity;

  async function probe(): Promise<void> {
    if (clock.steady() - backSinceMs > STEADY_MS) backoff.reset();
    while (!signal.aborted) {
      await clock.wait(backoff.next(), signal);
      const leader = await inner.send({ method: 'GET', path: '/status/leader' }).catch(() => undefined);
      if (!leader?.body) continue;
      away = false;
      backSinceMs = clock.steady();
      return onReturn();
    }
  }

  const transport: Transport = {
    async send(request) {
      if (away) throw new ConsulUnavailable('Consul is away; nothing is sent until it answers again');
      try {
        return await inner.send(request);
      } catch (error) {
        if (error instanceof ConsulUnavailable && !away && !signal.aborted) {
          away = true;
          onAway(error);
          void probe();
        }
        throw error;
      }
    },
    close: () => inner.close(),
  };
  return {
    transport,
    get away() {
      return away;
    },
  };
}
