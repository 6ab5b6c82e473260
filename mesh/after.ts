import type { ActualState } from './diff.ts';
import type { NodeEntry } from './entry.ts';
import type { Change } from './plan.ts';

/**
 * What Consul holds after a change that succeeded, or `unknown` when it has to be read again: a config entry's new
 * index is Consul's to give. So a flip costs its one write and no read.
 */
export function after(actual: ActualState, change: Change): ActualState | 'unknown' {
  if (change.op === 'set-config' || change.op === 'delete-config') return 'unknown';
  return { ...actual, node: nodeAfter(actual.node, change) };
}

/** The same for a node alone; changes of config entries do not concern it. */
export function nodeAfter(held: NodeEntry | undefined, change: Change): NodeEntry | undefined {
  switch (change.op) {
    case 'delete-node':
      return undefined;
    case 'set-node':
      return { ...change.node, registrations: held?.registrations ?? {} };
    case 'delete-service': {
      if (held === undefined) return undefined;
      const { [change.id]: _gone, ...registrations } = held.registrations;
      return { ...held, registrations };
    }
    case 'register': {
      const { service, checks } = change.registration;
      const before = held?.registrations[service.ID]?.checks ?? [];
      // A registration adds and replaces checks; it takes none away.
      const kept = before.filter((check) => !checks.some((other) => other.CheckID === check.CheckID));
      const registration = { service, checks: [...kept, ...checks] };
      return { ...change.node, registrations: { ...held?.registrations, [service.ID]: registration } };
    }
    case 'set-check': {
      const registration = held?.registrations[change.check.ServiceID];
      if (held === undefined || registration === undefined) return held;
      const others = registration.checks.filter((check) => check.CheckID !== change.check.CheckID);
      const changed = { ...registration, checks: [...others, change.check] };
      return { ...held, registrations: { ...held.registrations, [registration.service.ID]: changed } };
    }
    default:
      return held;
  }
}
