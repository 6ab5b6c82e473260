import type { ActualState, CatalogState } from './entry.ts';
import { equal } from '../equal.ts';

/**
 * The read state, in which the desired object itself takes the place of each part that equals it. The meaning is the same; but it is in memory once, and the next diff knows it by identity.
 */
export function shared(actual: ActualState, desired: CatalogState): ActualState {
  return {
    ...actual,
    node: sharedNode(actual.node, desired.node),
    config: sharedConfig(actual.config, desired.config),
  };
}

function sharedNode(held: ActualState['node'], wanted: CatalogState['node']): ActualState['node'] {
  if (held === undefined || wanted === undefined) return held;
  const registrations = { ...held.registrations };
  for (const [id, registration] of Object.entries(registrations)) {
    const same = wanted.registrations[id];
    if (equal(registration, same)) registrations[id] = same!;
  }
  return { ...held, registrations };
}

const sharedConfig = (held: ActualState['config'], wanted: CatalogState['config']): ActualState['config'] =>
  Object.fromEntries(
    Object.entries(held).map(([key, { entry, modifyIndex }]) => {
      const same = wanted[key];
      return [key, { entry: same !== undefined && equal(entry, same) ? same : entry, modifyIndex }];
    }),
  );
