import type { Logger } from 'pino';

import type { Clock } from '../../base/clock.ts';
import type { DoorsRequest } from '../../mesh/outside/bridge-api.ts';

import { tellChanges } from '../tell-changes.ts';
import type { Doors } from './doors.ts';

/** The bridge keeps it in memory: a restarted one gets it within this time. */
const TELL_AGAIN_MS = 60_000;
/** As many as a request may hold. */
const MAX_INSTANCES = 256;

/** Tells the bridge how the apps of this machine are reached past their sidecars; see tellChanges. */
export function tellDoors(options: {
  doors: Pick<Doors, 'reports'>;
  tell: (request: DoorsRequest) => Promise<unknown>;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { doors, ...others } = options;
  return tellChanges({
    ...others,
    request: () => doorsRequestOf(doors.reports()),
    isEmpty: ({ instances }) => instances.length === 0,
    againMs: TELL_AGAIN_MS,
    repeatsEmpty: true,
    of: 'the doors',
  });
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
