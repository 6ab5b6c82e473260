import { backOffMs } from '../../base/backoff.ts';
import { createTurns } from './turns.ts';

/**
 * A work queue of keys, in which namespaces take turns. A key is never worked on twice at the same time; asked for again while it is worked on, it runs again afterwards; asked for many times while it waits, it runs once.
 *
 *   idle --add--> waiting --(a worker is free)--> running --done--> idle
 *                    ^                               |  add: runs again
 *                    +--- back-off (failed) ---------+
 *                    +--- parked, until release() ---+
 */
export interface Queue {
  add(key: string): void;
  /** Runs the key after `ms`, or sooner when it is added. */
  addAfter(key: string, ms: number): void;
  /** Runs what was parked. */
  release(): void;
  /** Keys waiting and running. */
  readonly size: number;
  /** Resolves when nothing waits and nothing runs; back-offs and delays do not count. */
  idle(): Promise<void>;
}

export interface QueueOptions {
  /** Does the work. An exception counts as a failure: the key comes back after a back-off. */
  work: (key: string) => Promise<void>;
  onError: (key: string, error: unknown, retryMs: number | undefined) => void;
  /** True: trying again by time cannot help, so the key is parked until it is added or released. Default: never. */
  parks?: (error: unknown) => boolean;
  /** Keys at the same time. Default 16. */
  workers?: number;
  /** First back-off, ms; doubles at each failure. Default 200. */
  baseMs?: number;
  /** Default 5000. */
  capMs?: number;
  /** 0 <= random() < 1. */
  random: () => number;
  signal: AbortSignal;
}

export function createQueue(options: QueueOptions): Queue {
  const { work, onError, parks = () => false, workers = 16, baseMs = 200, capMs = 5000, random, signal } = options;
  const waiting = createTurns();
  const running = new Set<string>();
  const again = new Set<string>();
  const parked = new Set<string>();
  const failures = new Map<string, number>();
  const timers = new Map<string, NodeJS.Timeout>();
  let idleWaiters: (() => void)[] = [];

  function add(key: string): void {
    if (signal.aborted) return;
    clearTimeout(timers.get(key));
    timers.delete(key);
    parked.delete(key);
    if (running.has(key)) again.add(key);
    else {
      waiting.add(key);
      fill();
    }
  }

  function addAfter(key: string, ms: number): void {
    if (signal.aborted) return;
    clearTimeout(timers.get(key));
    timers.set(
      key,
      setTimeout(() => add(key), ms),
    );
  }

  function fill(): void {
    while (running.size < workers && !signal.aborted) {
      const key = waiting.take();
      if (key === undefined) return;
      running.add(key);
      void run(key);
    }
  }

  async function run(key: string): Promise<void> {
    try {
      await work(key);
      failures.delete(key);
    } catch (error) {
      if (parks(error)) {
        parked.add(key);
        onError(key, error, undefined);
        return;
      }
      const failed = (failures.get(key) ?? 0) + 1;
      failures.set(key, failed);
      const retryMs = backOffMs({ firstMs: baseMs, maxMs: capMs }, failed, random);
      onError(key, error, retryMs);
      addAfter(key, retryMs);
    } finally {
      running.delete(key);
      if (again.delete(key)) add(key);
      fill();
      if (waiting.size === 0 && running.size === 0) {
        for (const resolve of idleWaiters) resolve();
        idleWaiters = [];
      }
    }
  }

  signal.addEventListener('abort', () => {
    for (const timer of timers.values()) clearTimeout(timer);
    timers.clear();
    waiting.clear();
  });

  return {
    add,
    addAfter,
    release: () => [...parked].forEach(add),
    get size() {
      return waiting.size + running.size;
    },
    idle: () =>
      waiting.size === 0 && running.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => idleWaiters.push(resolve)),
  };
}
