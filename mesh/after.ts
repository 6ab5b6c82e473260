import type { ActualState } from './diff.ts';
import type { Change } from './plan.ts';

/**
 * What Consul holds after a change that succeeded, or `unknown` when it has to be read again: a config entry's new
 * index is Consul's to give. So a flip costs its one write and no read.
 */
export function after(actual: ActualState, change: Change): ActualState | 'unknown' {
  const { node } = actual;
  switch (change.op) {
    case 'set-config':
    case 'delete-config':
      return 'unknown';
    case 'delete-node':
      return { ...actual, node: undefined };
    case 'set-node':
      return { ...actual, node: { registrations: {}, ...node, ...change.node } };
    case 'register': {
      const { service } = change.registration;
      const held = node ?? { ...change.node, registrations: {} };
      return {
        ...actual,
        node: { ...held, registrations: { ...held.registrations, [service.ID]: change.registration } },
      };
    }
    case 'delete-service': {
      if (node === undefined) return actual;
      const { [change.id]: _gone, ...registrations } = node.registrations;
      return { ...actual, node: { ...node, registrations } };
    }
    case 'set-check': {
      const held = node?.registrations[change.check.ServiceID];
      if (node === undefined || held === undefined) return 'unknown';
      const checks = [...held.checks.filter((check) => check.CheckID !== change.check.CheckID), change.check];
      checks.sort((a, b) => (a.CheckID < b.CheckID ? -1 : 1));
      return {
        ...actual,
        node: { ...node, registrations: { ...node.registrations, [change.check.ServiceID]: { ...held, checks } } },
      };
    }
  }
}
