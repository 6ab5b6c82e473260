import type { Logger } from 'pino';

import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/problem.ts';
import { BridgeRefusal } from './bridge-client.ts';

export interface TellOptions<T> {
  /** The request as it would be now. */
  request: () => T;
  /** Whether it says nothing: a machine that never had anything to say keeps silent. */
  isEmpty: (request: T) => boolean;
  tell: (request: T) => Promise<unknown>;
  /** From one request to the next while nothing changes. */
  againMs: number;
  /** Whether an empty request goes out again as well. */
  repeatsEmpty: boolean;
  /** The subject of the request, for the log. */
  of: string;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}

const LOOK_MS = 1000;
/** After a bridge that did not answer, or that is too old to know the question. */
const AGAIN_MS = 3000;
const UNKNOWN_MS = 60_000;

/** Tells the bridge something of this machine when that changes, and again now and then, until the signal aborts. */
export async function tellChanges<T>(options: TellOptions<T>): Promise<void> {
  const { request, isEmpty, tell, againMs, repeatsEmpty, of, clock, log, signal } = options;
  let told: string | undefined;
  let dueMs = 0;
  while (!signal.aborted) {
    await clock.wait(LOOK_MS, signal);
    const next = request();
    const [text, empty] = [JSON.stringify(next), isEmpty(next)];
    const again = clock.steady() >= dueMs && (repeatsEmpty || !empty);
    if (signal.aborted || (text === told && !again) || (told === undefined && empty)) continue;
    try {
      await tell(next);
      told = text;
      dueMs = clock.steady() + againMs;
    } catch (error) {
      log.debug({ message: messageOf(error) }, `the bridge could not be told of ${of}`);
      await clock.wait(error instanceof BridgeRefusal && error.status === 404 ? UNKNOWN_MS : AGAIN_MS, signal);
    }
  }
}
