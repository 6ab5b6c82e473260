import { createBackoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';

export interface Patience {
  clock: Pick<Clock, 'now' | 'steady' | 'wait'>;
  random: () => number;
  log: Log;
  signal: AbortSignal;
  /** From the first try until the last failure is thrown, ms. */
  patienceMs: number;
}

const CAP_MS = 1000;
const REPORT_EVERY_MS = 10_000;

/**
 * Does `task` again after a failure that may pass, with a growing pause, until it succeeds or patience ends. A failure
 * says itself whether it passes (`kind`): `fix` is thrown at once, unless `passes` says otherwise. Throws the reason of
 * `signal` when that aborts.
 */
export async function patiently<T>(
  what: string,
  patience: Patience,
  task: () => Promise<T>,
  passes: (error: unknown) => boolean = maySucceedLater,
): Promise<T> {
  const { clock, log, signal } = patience;
  const backoff = createBackoff({ baseMs: 100, capMs: CAP_MS, random: patience.random });
  const start = clock.steady();
  let reportedAt = -Infinity;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await task();
    } catch (error) {
      signal.throwIfAborted();
      const waitedMs = Math.round(clock.steady() - start);
      if (!passes(error)) throw error;
      const said = (error as Error).message;
      if (waitedMs >= patience.patienceMs) {
        throw new Error(`gave up on ${what} after ${Math.round(waitedMs / 1000)} s: ${said}`, { cause: error });
      }
      if (clock.steady() - reportedAt >= REPORT_EVERY_MS) {
        reportedAt = clock.steady();
        log.info({ step: what, waitedMs, error: said }, 'waiting');
      }
      await clock.wait(backoff.next(), signal);
    }
  }
}

export const maySucceedLater = (error: unknown): boolean =>
  ['retry', 'wait'].includes((error as { kind?: string } | undefined)?.kind ?? '');
