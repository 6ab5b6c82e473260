import { followAbort } from '../../base/follow-abort.ts';

const TRIES = 3;
/** Further tries under way at once. A Consul that lacks CPU must not get thrice the requests. */
const MAX_FURTHER = 8;

export type AskAgain = <T>(
  /** `turn` is 0 for the first try. */
  ask: (turn: number, signal: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
) => Promise<T>;

/**
 * Tries again after `everyMs` without an answer, and after twice that. Gives how the first of three tries ends, and cancels the
 * others. Only for requests that may be sent twice. A Consul server that hands a request to a lost leader answers after
 * 10 s, its time to connect. The same request by another connection is served as soon as there is a leader again.
 */
export function askAgain(everyMs: number): AskAgain {
  let further = 0;
  return async (ask, signal) => {
    const over = new AbortController();
    const forget = followAbort(signal, () => over.abort());
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        const start = (turn: number): void => {
          if (turn > 0) further++;
          void ask(turn, over.signal)
            .then(resolve, reject)
            .finally(() => (further -= turn > 0 ? 1 : 0));
          if (turn + 1 === TRIES) return;
          timer = setTimeout(() => further < MAX_FURTHER && start(turn + 1), everyMs);
        };
        start(0);
      });
    } finally {
      clearTimeout(timer);
      over.abort();
      forget();
    }
  };
}
