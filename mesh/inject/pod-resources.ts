import { type Operation, pointer } from './operations.ts';
import { sum } from '../installation/quantity.ts';

type Amounts = Record<string, string | undefined>;

/**
 * The resources of the pod as a whole (Kubernetes 1.34) grow by the sidecar's, or shrink again: the API server refuses a pod
 * that asks for less than its containers together. Where the sidecar has no limit, the pod's limit grows by its request. A
 * resource that the pod does not limit as a whole stays unlimited.
 */
export function podResourceOperations(pod: unknown, sidecar: unknown, sign: 1 | -1 = 1): Operation[] {
  const held = (pod ?? {}) as { requests?: Amounts; limits?: Amounts };
  const { requests = {}, limits = {} } = (sidecar ?? {}) as { requests?: Amounts; limits?: Amounts };
  // A container that only has a limit asks for as much.
  return [
    ...changes('requests', held.requests, { ...limits, ...requests }, sign),
    ...changes('limits', held.limits, { ...requests, ...limits }, sign),
  ];
}

function changes(field: string, held: Amounts | undefined, more: Amounts, sign: 1 | -1): Operation[] {
  return Object.entries(held ?? {}).flatMap(([name, amount]): Operation[] => {
    const by = more[name];
    if (amount === undefined || by === undefined) return [];
    const value = sum(String(amount), by, sign);
    return value === undefined ? [] : [{ op: 'replace', path: pointer('spec', 'resources', field, name), value }];
  });
}
