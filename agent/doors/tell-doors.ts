import type { Logger } from 'pino';

import type { DoorsRequest } from '../../mesh/outside/bridge-api.ts';

import { BridgeRefusal } from '../bridge-client.ts';
import type { Clock } from '../../base/clock.ts';
import type { Doors } from './doors.ts';
import { messageOf } from '../../base/problem.ts';

const LOOK_MS = 1000;
/** The bridge keeps it in memory: a restarted one gets it within this time. */
const TELL_AGAIN_MS = 60_000;
/** After a bridge that did not answer, or that is too old to know the question. */
const AGAIN_MS = 3000;
const UNKNOWN_MS = 60_000;
/** As many as a request may hold. */
const MAX_INSTANCES = 256;

/** Tells the bridge how the apps of this machine are reached past their sidecars, when that changes and now and then. */
export async function tellDoors(options: {
  doors: Pick<Doors, 'reports'>;
  tell: (request: DoorsRequest) => Promise<unknown>;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { doors, tell, clock, log, signal } = options;
  let told: string | undefined;
  let dueMs = 0;
  while (!signal.aborted) {
    await clock.wait(LOOK_MS, signal);
    const request = doorsRequestOf(doors.reports());
    const now = JSON.stringify(request);
    if (signal.aborted || (now === told && clock.steady() < dueMs)) continue;
    if (told === undefined && request.instances.length === 0) continue;
    try {
      await tell(request);
      told = now;
      dueMs = clock.steady() + TELL_AGAIN_MS;
    } catch (error) {
      log.debug({ message: messageOf(error) }, 'the bridge could not be told of the doors');
      await clock.wait(error instanceof BridgeRefusal && error.status === 404 ? UNKNOWN_MS : AGAIN_MS, signal);
    }
  }
}

export const doorsRequestOf = (reports: ReturnType<Doors['reports']>): DoorsRequest => ({
  instances: [...reports].slice(0, MAX_INSTANCES).map(([id, { listens, unseen, closed, problem, callers }]) => ({
    id,
    listens,
    ...(unseen ? { unseen } : {}),
    closed,
    ...(problem === undefined ? {} : { problem: problem.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').slice(0, 250) }),
    callers,
  })),
});
