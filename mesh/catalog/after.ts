import { type ActualState, configKey, type HeldConfig, type NodeEntry, type Registration } from './entry.ts';
import type { Change } from './plan.ts';

/**
 * Consul's state after changes that succeeded, so that a flip costs its one write and no read. A config entry's new
 * index is Consul's to give: `written` has it for each entry that was set, read after the last write.
 */
export function after(actual: ActualState, changes: Change[], written: ReadonlyMap<string, HeldConfig>): ActualState {
  const config = { ...actual.config };
  for (const change of changes) {
    if (change.op === 'delete-config') delete config[configKey({ Kind: change.kind, Name: change.name })];
    if (change.op === 'set-config') config[configKey(change.entry)] = written.get(configKey(change.entry))!;
  }
  return { ...actual, config, node: nodeAfter(actual.node, changes) };
}

/** The same for a node alone; changes of config entries do not concern it. Copies once, however many changes. */
export function nodeAfter(held: NodeEntry | undefined, changes: Change[]): NodeEntry | undefined {
  let node: Omit<NodeEntry, 'registrations'> | undefined = held;
  let registrations: Record<string, Registration> = { ...held?.registrations };
  for (const change of changes) {
    if (change.op === 'delete-node') {
      node = undefined;
      registrations = {};
    } else if (change.op === 'set-node') node = change.node;
    else if (change.op === 'delete-service') delete registrations[change.id];
    else if (change.op === 'register') {
      const { service } = change.registration;
      node = change.node;
      registrations[service.ID] = registered(registrations[service.ID], change.registration);
    } else if (change.op === 'set-check') {
      const { ServiceID, CheckID } = change.check;
      const before = registrations[ServiceID];
      if (before === undefined) continue;
      const others = before.checks.filter((check) => check.CheckID !== CheckID);
      registrations[ServiceID] = { ...before, checks: [...others, change.check] };
    }
  }
  return node === undefined ? undefined : { ...node, registrations };
}

/** A registration adds and replaces checks; it takes none away. */
function registered(before: Registration | undefined, written: Registration): Registration {
  const kept = (before?.checks ?? []).filter(({ CheckID }) => !written.checks.some((one) => one.CheckID === CheckID));
  return kept.length === 0 ? written : { service: written.service, checks: [...kept, ...written.checks] };
}
