import { type Clock, waitBy } from '../../../base/clock.ts';

/** A clock that stands still until the test moves it. */
export interface FakeClock extends Clock {
  /** Goes on by `ms`, calling back what is due, in order; between two callbacks promises get their turn. */
  advance(ms: number): Promise<void>;
  /** Time passes, and nobody is called back until the next advance: as when the process was stopped. */
  freeze(ms: number): void;
  /** How many callbacks wait. */
  pending(): number;
}

export function fakeClock(startMs = 1_000_000): FakeClock {
  let nowMs = 0;
  let waiting: { dueMs: number; callback: () => void }[] = [];
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  const after: Clock['after'] = (ms, callback) => {
    const entry = { dueMs: nowMs + ms, callback };
    waiting.push(entry);
    return () => void (waiting = waiting.filter((other) => other !== entry));
  };
  return {
    steady: () => nowMs,
    now: () => startMs + nowMs,
    after,
    wait: waitBy(after),
    freeze: (ms) => void (nowMs += ms),
    pending: () => waiting.length,
    async advance(ms) {
      const endMs = nowMs + ms;
      await settle();
      for (;;) {
        const [next] = waiting.filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs);
        if (next === undefined) break;
        waiting = waiting.filter((other) => other !== next);
        nowMs = Math.max(nowMs, next.dueMs);
        next.callback();
        await settle();
      }
      nowMs = endMs;
    },
  };
}
