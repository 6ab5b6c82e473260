import { beatRequest } from '../../mesh/outside/bridge-api.ts';

import type { Definitions, InstanceDefinition } from './definitions.ts';
import { instanceId } from '../machine/instance-id.ts';

export interface WantedInstance {
  id: string;
  service: string;
  definition: InstanceDefinition;
}

/** As many as one beat may name. */
const MAX_INSTANCES = 256;
const { id: idShape } = beatRequest.shape.instances.element.shape;

/**
 * The instances that the definitions ask for. One that the bridge would not take is left out, with a sentence: a beat is
 * taken or refused as a whole, and one long name must not cost all the others their lease.
 */
export function wantedInstances(
  definitions: Definitions,
  host: string,
): { wanted: WantedInstance[]; problems: string[] } {
  const all = [...definitions.values()].flatMap(({ service, instances }) =>
    instances.map((definition) => ({ id: instanceId(service, host, definition.port), service, definition })),
  );
  const wanted = all.filter(({ id }) => idShape.safeParse(id).success);
  const problems = all
    .filter((one) => !wanted.includes(one))
    .map(({ id }) => `${id}: longer than 128 characters; give the service or this machine a shorter name`);
  if (wanted.length <= MAX_INSTANCES) return { wanted, problems };
  const left = wanted.slice(MAX_INSTANCES).map(({ id }) => id);
  const tooMany = `a machine may have ${MAX_INSTANCES} instances; left out: ${left.join(', ')}`;
  return { wanted: wanted.slice(0, MAX_INSTANCES), problems: [...problems, tooMany] };
}
