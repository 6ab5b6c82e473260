import type { MeshService } from '../../../crds/mesh-service.ts';
import type { Reason } from '../../../crds/reasons.ts';

/**
 * The problems of a MeshService beyond its schema (crds/): mostly between objects.
 *
 * `refuse`: Consul would refuse it, or take it and break traffic. Admission refuses it; the reconciler, which meets objects that came in while no webhook answered, leaves Consul as it is and says so.
 * `wait`: it names something that is not there yet. Two files may come in any order, so admission only warns; the
 * reconciler holds the config entries back until it is there.
 * `warn`: it can be written, and will probably not do what was meant.
 */
export interface TrafficProblem {
  weight: 'refuse' | 'wait' | 'warn';
  reason: Reason;
  message: string;
  /** The entries that lead from this service to others are in their way, so these go while the problem lasts. */
  withdraws?: true;
}

/** The other MeshServices: all from memory. */
export interface Neighbourhood {
  /** Name of the cluster: the site of its pods. */
  cluster: string;
  /** MeshServices that want a name in Consul. */
  named(service: string): MeshService[];
  /** MeshServices whose routes, split or fail over lead to a service. */
  joining(service: string): MeshService[];
  /** Names in Consul that a MeshService wants, to suggest one of them. Default: it is not known which there are. */
  names?(): Iterable<string>;
  /** The version of each pod that is an instance of a MeshService; undefined: it has none. Default: not known. */
  versions?(meshService: MeshService): (string | undefined)[];
}
