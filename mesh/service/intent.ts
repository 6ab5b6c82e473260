import { type MeshService, type MeshServiceStatus, consulName } from '../../crds/mesh-service.ts';
import type { Intent } from './desired.ts';
import { meshServiceOwner } from '../names/names.ts';
import { calleesOf } from '../traffic/callees.ts';
import { trafficProblems } from '../traffic/problems/problems.ts';
import type { Neighbourhood } from '../traffic/problems/problem.ts';

/** A MeshService as a reader of the API server holds it. */
export interface Asked {
  metadata: MeshService['metadata'];
  /** undefined: it cannot be read. */
  meshService: MeshService | undefined;
  formerServices: string[];
  status?: MeshServiceStatus | undefined;
}

/** The intent of one MeshService: the operator's walk and `landbridge plan` use the same function. */
export function intentOf(
  { metadata, meshService: held, formerServices, status }: Asked,
  around: Neighbourhood,
  seen: Pick<Intent, 'pods' | 'podSecurity' | 'overlap'>,
): Intent {
  const { namespace = '', name } = metadata;
  const wanting = held === undefined ? [] : around.named(consulName(held));
  const rivals = wanting.filter(
    (other) => other.metadata.name !== name || (other.metadata.namespace ?? '') !== namespace,
  );
  return {
    cluster: around.cluster,
    namespace,
    name,
    // One that is being deleted asks for nothing at all.
    meshService: metadata.deletionTimestamp === undefined ? held : undefined,
    ...seen,
    formerServices,
    holds: status?.consul?.service,
    rivals: rivals.map((other) =>
      meshServiceOwner(around.cluster, other.metadata.namespace ?? '', other.metadata.name),
    ),
    callees: calleesOf(held, (service) => around.named(service).map((meshService) => ({ meshService }))),
    problems: held && trafficProblems(held, around, held),
  };
}
