import type { Clock } from '../../base/clock.ts';
import type { Host } from '../hosts/hosts.ts';

/** How fast each host may ask: `burst` at once, and one more each `everyMs`. */
export interface Pace {
  /** Takes one turn of the host; gives how long it comes too soon, ms. 0: it is in time. */
  take(host: Host): number;
}

export function paceHosts(clock: Pick<Clock, 'steady'>, { burst, everyMs }: { burst: number; everyMs: number }): Pace {
  /** When all turns of the host would be there again. */
  const fullAtMs = new WeakMap<Host, number>();
  return {
    take(host) {
      const nowMs = clock.steady();
      const full = Math.max(nowMs, fullAtMs.get(host) ?? nowMs) + everyMs;
      const earlyMs = Math.max(0, full - nowMs - burst * everyMs);
      // A host that goes on all the same waits for a whole burst at most.
      fullAtMs.set(host, Math.min(full, nowMs + 2 * burst * everyMs));
      return earlyMs;
    },
  };
}
