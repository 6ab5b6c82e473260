import { setTimeout as delay } from 'node:timers/promises';

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
  wait: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
};
