import { backOffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/problem.ts';

export interface BeatOptions {
  clock: Clock;
  random: () => number;
  leaseMs: () => number;
  /** One beat: composes the request when called, and ends when a bridge has taken it. */
  send: () => Promise<void>;
  failed: (message: string) => void;
  /** Whether a failure is an answer, and a beat in a moment would get the same one. */
  final: (error: unknown) => boolean;
}

export interface BeatLoop {
  /** Something changed: beat at once, or right after the beat that is under way. Calls of one moment become one beat. */
  soon(): void;
  /** The bridge hung up: it has ended, or this machine was shut out. Beats within half a second, which tells; hosts spread over it. */
  hungUp(): void;
  /** Beats soon; ends when a beat that was composed after this call has been taken (true) or refused for good (false). */
  told(): Promise<boolean>;
  stop(): void;
}

/** Changes within this time travel together. */
const GATHER_MS = 10;
const HUNG_UP_MS = 500;

/**
 * Beats every third of a lease, less up to a tenth so that hosts spread; never two at a time. After a failure it tries
 * again within a twelfth of a lease: with the time limit of an attempt (see `attemptLimits`) a bridge that is back is
 * found within a third.
 */
export function startBeats({ clock, random, leaseMs, send, failed, final }: BeatOptions): BeatLoop {
  let stopped = false;
  let underWay = false;
  let again = false;
  let failures = 0;
  let waiting: ((taken: boolean) => void)[] = [];
  let dueMs = clock.steady();
  let cancel = clock.after(0, () => void beat());

  const schedule = (ms: number): void => {
    cancel();
    dueMs = clock.steady() + ms;
    if (!stopped) cancel = clock.after(ms, () => void beat());
  };

  const beat = async (): Promise<void> => {
    const startedMs = clock.steady();
    const served = waiting;
    [waiting, again, underWay] = [[], false, true];
    try {
      await send();
      failures = 0;
      served.forEach((resolve) => resolve(true));
    } catch (error) {
      if (final(error)) served.forEach((resolve) => resolve(false));
      else waiting = [...served, ...waiting];
      failures = final(error) ? 0 : failures + 1;
      failed(messageOf(error));
    }
    underWay = false;
    if (failures > 0) return schedule(backOffMs({ firstMs: 100, maxMs: leaseMs() / 12 }, failures, random));
    if (again) return schedule(GATHER_MS);
    schedule(Math.max(0, (leaseMs() / 3) * (1 - random() / 10) - (clock.steady() - startedMs)));
  };

  const soon = (): void => {
    if (underWay) again = true;
    else schedule(GATHER_MS);
  };
  return {
    soon,
    hungUp() {
      const ms = random() * HUNG_UP_MS;
      // One that is under way finds out by itself.
      if (!underWay && clock.steady() + ms < dueMs) schedule(ms);
    },
    told: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        soon();
      }),
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}

/**
 * Time limits of one attempt at one bridge, in milliseconds; both under a third of a lease. A bridge that has lost
 * Consul takes up to 1.5 s to say so, which is in time with a lease of 6 s.
 */
export const attemptLimits = (leaseMs: number): { connectMs: number; answerMs: number } => ({
  connectMs: leaseMs / 12,
  answerMs: 0.3 * leaseMs,
});
