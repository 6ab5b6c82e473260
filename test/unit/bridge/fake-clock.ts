import type { Clock } from '../../../base/clock.ts';

export interface FakeClock extends Clock {
  /** Lets time pass: each wait that falls due ends in its order, and the work that it set going gets its turn before the next. */
  advance(ms: number): Promise<void>;
  /** Time passes, and nobody is woken until the next advance: as when the process was stopped. */
  freeze(ms: number): void;
}

interface Waiting {
  dueMs: number;
  end: () => void;
}

/** A clock that stands still until the test moves it. It begins at today's date (certificates must be valid), and at 1 000 000 ms of steady time. */
export function fakeClock(startMs = Date.now()): FakeClock {
  let passedMs = 0;
  let waiting: Waiting[] = [];
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    now: () => startMs + passedMs,
    steady: () => 1_000_000 + passedMs,
    wait(ms, signal) {
      return new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const entry: Waiting = { dueMs: passedMs + ms, end: () => undefined };
        entry.end = () => {
          signal.removeEventListener('abort', entry.end);
          waiting = waiting.filter((other) => other !== entry);
          resolve();
        };
        signal.addEventListener('abort', entry.end);
        waiting.push(entry);
      });
    },
    async advance(ms) {
      const untilMs = passedMs + ms;
      await settle();
      for (;;) {
        const next = waiting.filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
        if (next === undefined) break;
        passedMs = Math.max(passedMs, next.dueMs);
        next.end();
        await settle();
      }
      passedMs = Math.max(passedMs, untilMs);
      await settle();
    },
    freeze(ms) {
      passedMs += ms;
    },
  };
}
