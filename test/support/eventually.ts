import { setTimeout as delay } from 'node:timers/promises';

/** Asks until `probe` gives a value, at most `deadlineMs`; then fails with what it said last. */
export async function eventually<T>(
  what: string,
  deadlineMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
  everyMs = 100,
): Promise<T> {
  const until = performance.now() + deadlineMs;
  let last = 'it was not so yet';
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== (false as T)) return value;
    } catch (error) {
      last = (error as Error).message;
    }
    if (performance.now() > until) throw new Error(`${what}: not within ${deadlineMs} ms; ${last}`);
    await delay(everyMs);
  }
}
