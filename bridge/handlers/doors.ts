import type { DoorsRequest } from '../../mesh/bridge-api.ts';
import type { HostCall } from '../call.ts';

/**
 * POST /v1/doors: keeps what the host says of its doors, for who lists instances. In memory: the host says it again within a
 * minute, and it is nobody's proof but the host's own word.
 */
export async function doors({ host, body }: HostCall<DoorsRequest>): Promise<object> {
  host.doors = new Map(body.instances.map(({ id, ...report }) => [id, report]));
  return {};
}
