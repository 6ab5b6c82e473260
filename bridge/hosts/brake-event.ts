import type { EventFacts } from '../../clients/kube/events/event-book.ts';

const NAMED = 20;

/** The event in `kubectl -n landbridge get events` when the mass-loss brake of a site goes on or off. */
export function brakeEvent(
  pod: { name: string; namespace: string },
  site: string,
  held: string[] | undefined,
): EventFacts {
  const regarding = { apiVersion: 'v1', kind: 'Pod', ...pod };
  if (held === undefined) {
    const note = `site ${site}: the mass-loss brake is off`;
    return { regarding, type: 'Normal', reason: 'MassLossBrakeOff', action: 'JudgeLeases', note };
  }
  const more = held.length > NAMED ? ` and ${held.length - NAMED} more` : '';
  const note = `site ${site}: ${held.length} hosts fell silent together and are kept up (${held.slice(0, NAMED).join(', ')}${more}). Has the bridge lost its network to them? If they are dead: landbridge vm release --site ${site}`;
  return { regarding, type: 'Warning', reason: 'MassLossBrake', action: 'JudgeLeases', note };
}
