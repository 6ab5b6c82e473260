import type { Clock } from '../../base/clock.ts';

export interface ProxyScheduleOptions {
  /** Keys of all that are looked at now and then, asked for at the start of each round. Must not throw. */
  all: () => Promise<string[]>;
  /** Never called for a key while that is looked at. Must not throw. */
  look: (key: string) => Promise<void>;
  /** Looks at the same time. */
  limit: number;
  clock: Clock;
  signal: AbortSignal;
}

export interface ProxySchedule {
  /** To be looked at after each of these, ms; looks that are due already stay so. */
  soon(key: string, afterMs: readonly number[]): void;
  /** The same, unless a look of it is due already. */
  again(key: string, afterMs: number): void;
}

const TICK_MS = 250;
/** All are looked at once in this time, a few at a time. */
const ROUND_MS = 600_000;
/** After a start nothing is known yet. */
const FIRST_ROUND_MS = 60_000;
const STEP_MS = 5000;
/** Looks of one key that wait at a time. */
const MAX_WAITING = 4;

/** When each proxy is looked at: soon after what concerns it, and all of them in a slow round. */
export function proxySchedule({ all, look, limit, clock, signal }: ProxyScheduleOptions): ProxySchedule {
  const due = new Map<string, number[]>();
  const running = new Set<string>();
  let wake = (): void => undefined;

  async function looks(): Promise<void> {
    while (!signal.aborted) {
      if (due.size === 0) await asleep();
      await clock.wait(TICK_MS, signal);
      const now = clock.steady();
      for (const [key, times] of due) {
        if (running.size >= limit || signal.aborted) break;
        if (times[0]! > now || running.has(key)) continue;
        const later = times.filter((ms) => ms > now);
        if (later.length === 0) due.delete(key);
        else due.set(key, later);
        running.add(key);
        void look(key).finally(() => running.delete(key));
      }
    }
  }

  const asleep = (): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        signal.removeEventListener('abort', end);
        resolve();
      };
      wake = end;
      signal.addEventListener('abort', end);
    });

  /** Those that come meanwhile are looked at as they come. */
  async function round(): Promise<void> {
    for (let roundMs = FIRST_ROUND_MS; !signal.aborted; roundMs = ROUND_MS) {
      const keys = await all();
      const steps = roundMs / STEP_MS;
      for (let step = 0, begun = 0; step < steps && !signal.aborted; step += 1) {
        await clock.wait(STEP_MS, signal);
        const end = Math.ceil((keys.length * (step + 1)) / steps);
        for (const key of keys.slice(begun, end)) soon(key, [0]);
        begun = end;
      }
    }
  }

  function soon(key: string, afterMs: readonly number[]): void {
    const now = clock.steady();
    const times = [...(due.get(key) ?? []), ...afterMs.map((ms) => now + ms)].sort((a, b) => a - b);
    // Two looks at nearly the same moment are one; the later stays, since it settles a refusal.
    const kept = times.filter((ms, i) => i === times.length - 1 || times[i + 1]! - ms >= TICK_MS);
    due.set(key, kept.length > MAX_WAITING ? [...kept.slice(0, MAX_WAITING - 1), kept.at(-1)!] : kept);
    wake();
  }

  void looks();
  void round();
  return { soon, again: (key, afterMs) => void (due.has(key) || soon(key, [afterMs])) };
}
