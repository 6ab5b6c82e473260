import type { NodeEntry } from '../mesh/entry.ts';
import type { Change } from '../mesh/plan.ts';

/** What Consul holds of a node after it has taken `change`. Pure; changes of config entries do not concern a node. */
export function afterChange(held: NodeEntry | undefined, change: Change): NodeEntry | undefined {
  switch (change.op) {
    case 'delete-node':
      return undefined;
    case 'set-node':
      return { ...change.node, registrations: held?.registrations ?? {} };
    case 'delete-service': {
      if (held === undefined) return undefined;
      const left = Object.entries(held.registrations).filter(([id]) => id !== change.id);
      return { ...held, registrations: Object.fromEntries(left) };
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
