export interface BackoffRange {
  /** The longest first wait. */
  firstMs: number;
  maxMs: number;
}

/** The wait after `failures` (1, 2, ...) in a row: doubled each time, then a random share of 50 to 100 %, so that replicas do not march together. */
export const backOffMs = ({ firstMs, maxMs }: BackoffRange, failures: number, random: () => number): number =>
  Math.min(maxMs, firstMs * 2 ** Math.min(30, failures - 1)) * (0.5 + random() / 2);

export interface Backoff {
  /** The next delay in milliseconds, see backOffMs. */
  next(): number;
  /** Start from the first step again. */
  reset(): void;
}

/** A back-off that counts the failures itself. `baseMs`: default 200. `capMs`: default 5000. */
export function createBackoff(options: { baseMs?: number; capMs?: number; random: () => number }): Backoff {
  const { baseMs = 200, capMs = 5000, random } = options;
  let failures = 0;
  return {
    next: () => backOffMs({ firstMs: baseMs, maxMs: capMs }, ++failures, random),
    reset: () => void (failures = 0),
  };
}
