import { followAbort } from './follow-abort.ts';

/** Time as the loops of this folder see it; tests bring their own. */
export interface Clock {
  /** Milliseconds since 1970: only for stamps that others read. */
  now(): number;
  /** Milliseconds since some point, never set back: for judging how long ago something was. */
  steady(): number;
  /** Resolves after `ms`, or at once (without throwing) when `signal` aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = () => {
        clearTimeout(timer);
        forget();
        resolve();
      };
      const timer = setTimeout(end, ms);
      const forget = followAbort(signal, end);
    }),
};
