import { type MeshService, consulName } from '../../../crds/mesh-service.ts';
import { speakerOf } from '../holder.ts';
import type { Neighbourhood, TrafficProblem } from './problem.ts';

/**
 * Consul follows a split into another service's split, and refuses to go in a circle. A service is looked at once, however
 * many ways lead there: whether one leads back does not depend on the way on which it was met.
 */
export function splitCycle(meshService: MeshService, around: Neighbourhood): TrafficProblem[] {
  const name = consulName(meshService);
  /** Gives the service whose split led to a service first. */
  const metFrom = new Map<string, string>();
  const open = [name];
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    const at = from === name ? meshService : speakerOf(from, around.named(from));
    for (const { service } of at?.spec.traffic?.split ?? []) {
      // `joinsItself` finds a split that names its own service.
      if (service === name && from !== name) return [circle(wayTo(from))];
      if (service === undefined || service === name || metFrom.has(service)) continue;
      metFrom.set(service, from);
      open.push(service);
    }
  }
  return [];

  function wayTo(last: string): string[] {
    const way = [name];
    for (let at: string | undefined = last; at !== undefined && at !== name; at = metFrom.get(at)) way.unshift(at);
    return [name, ...way];
  }
}

/** Most people split two or three ways: a longer list helps nobody. */
const SHOWN = 8;

function circle(way: string[]): TrafficProblem {
  const shown = way.length <= SHOWN ? way : [...way.slice(0, SHOWN - 2), '...', ...way.slice(-2)];
  return {
    weight: 'refuse',
    reason: 'TrafficRefused',
    message: `splits go round in a circle: ${shown.join(' -> ')}. Let one of them name a subset of its own instead`,
  };
}
