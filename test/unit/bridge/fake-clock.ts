import { type Clock, waitBy } from '../../../base/clock.ts';

export interface FakeClock extends Clock {
  /** Lets time pass: each wait that falls due ends in its order, and the work that it set going gets its turn before the next. */
  advance(ms: number): Promise<void>;
  /** Time passes, and nobody is woken until the next advance: as when the process was stopped. */
  freeze(ms: number): void;
}

interface Waiting {
  dueMs: number;
  callback: () => void;
}

/** A clock that stands still until the test moves it. It begins at today's date (certificates must be valid), and at 1 000 000 ms of steady time. */
export function fakeClock(startMs = Date.now()): FakeClock {
  let passedMs = 0;
  let waiting: Waiting[] = [];
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const after: Clock['after'] = (ms, callback) => {
    const entry = { dueMs: passedMs + ms, callback };
    waiting.push(entry);
    return () => void (waiting = waiting.filter((other) => other !== entry));
  };
  return {
    now: () => startMs + passedMs,
    steady: () => 1_000_000 + passedMs,
    after,
    wait: waitBy(after),
    async advance(ms) {
      const untilMs = passedMs + ms;
      await settle();
      for (;;) {
        const next = waiting.filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
        if (next === undefined) break;
        waiting = waiting.filter((other) => other !== next);
        passedMs = Math.max(passedMs, next.dueMs);
        next.callback();
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
