import type { ServicePlan } from '../../mesh/outside/bridge-api.ts';

import { localPortConflicts } from './local-port-conflicts.ts';

interface Placed {
  id: string;
  service: string;
  appPort: number;
}

/**
 * Which instances' Envoys bind the upstreams' local ports: of each service the one with the lowest port, and none of a
 * service whose ports another service of this machine has (`problems`, one sentence each).
 */
export function upstreamBinders(instances: Placed[], plans: ServicePlan[]): { ids: Set<string>; problems: string[] } {
  const first = new Map<string, Placed>();
  for (const instance of instances) {
    const other = first.get(instance.service);
    if (other === undefined || instance.appPort < other.appPort) first.set(instance.service, instance);
  }
  const conflicts = localPortConflicts(plans.filter(({ service }) => first.has(service)));
  for (const { loser } of conflicts) first.delete(loser);
  return { ids: new Set([...first.values()].map(({ id }) => id)), problems: conflicts.map(({ message }) => message) };
}
