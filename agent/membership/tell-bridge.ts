import type { Logger } from 'pino';

import type { Doors } from '../doors/doors.ts';
import { tellDoors } from '../doors/tell-doors.ts';
import type { Clock } from '../../base/clock.ts';
import type { Membership } from './membership.ts';
import type { Supervisor } from './supervisor.ts';
import { tellProblems } from './tell-problems.ts';
import { tellRefusals } from './tell-refusals.ts';

/** Tells the bridge the facts that a beat has no field for. */
export function tellBridge(parts: {
  supervisor: Pick<Supervisor, 'instances'>;
  doors: Pick<Doors, 'reports'>;
  member: Pick<Membership, 'refusals' | 'doors' | 'tellProblems'>;
  /** The problems of the machine, one sentence each. */
  machineProblems: () => string[];
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): void {
  const { supervisor, doors, member, machineProblems, ...common } = parts;
  void tellRefusals({
    instances: () => supervisor.instances(),
    tell: (request) => member.refusals(request),
    ...common,
  });
  void tellDoors({ doors, tell: (request) => member.doors(request), ...common });
  void tellProblems({ problems: machineProblems, tell: (request) => member.tellProblems(request), ...common });
}
