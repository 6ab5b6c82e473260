import type { FakeClock } from '../../unit/bridge/fake-clock.ts';

/** Until it holds; at most `withinMs`, default 10 s. */
export async function eventually(assertion: () => Promise<unknown>, withinMs = 10_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    try {
      await assertion();
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** The result of `work`, while the clock goes on in small steps up to `ms`. */
export async function advancing<T>(bridge: { clock: FakeClock }, work: Promise<T>, ms: number): Promise<T> {
  let done = false;
  const result = work.finally(() => (done = true));
  for (let passed = 0; passed < ms && !done; passed += 100) await bridge.clock.advance(100);
  return result;
}
