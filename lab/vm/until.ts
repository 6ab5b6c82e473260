import { setTimeout as wait } from 'node:timers/promises';

/**
 * Asks every 10 ms until the answer is not undefined, and gives it. What `probe` throws passes through.
 * Throws when `deadlineMs` have gone by; `what` says what was waited for.
 */
export async function until<T>(what: string, deadlineMs: number, probe: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`${what}: not within ${deadlineMs / 1000} s`);
    await wait(10);
  }
}
