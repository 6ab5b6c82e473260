import { followAbort } from './follow-abort.ts';

/** Time as all loops see it: a process enters the system's once, and tests bring their own. */
export interface Clock {
  /** Milliseconds since 1970: only for stamps that others read. */
  now(): number;
  /** Milliseconds since some point, never set back: for judging how long ago something was. */
  steady(): number;
  /** Calls back once after `ms`, unless the returned function is called first. */
  after(ms: number, callback: () => void): () => void;
  /** Resolves after `ms`, or at once (without throwing) when `signal` aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The `wait` of a clock, made of its `after`. */
export const waitBy =
  (after: Clock['after']): Clock['wait'] =>
  (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = (): void => {
        cancel();
        forget();
        resolve();
      };
      const cancel = after(ms, end);
      const forget = followAbort(signal, end);
    });

const after: Clock['after'] = (ms, callback) => {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
};

export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  after,
  wait: waitBy(after),
};
