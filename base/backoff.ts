export interface Backoff {
  /** The next delay in milliseconds: between half of the current step and all of it. */
  next(): number;
  /** Start from the first step again. */
  reset(): void;
}

/** Doubling steps from `baseMs` (default 200) to `capMs` (default 5000), jittered so that replicas do not march together. */
export function createBackoff(options: { baseMs?: number; capMs?: number; random: () => number }): Backoff {
  const { baseMs = 200, capMs = 5000, random } = options;
  let step = baseMs;
  return {
    next() {
      const delay = step / 2 + (random() * step) / 2;
      step = Math.min(capMs, step * 2);
      return delay;
    },
    reset() {
      step = baseMs;
    },
  };
}
