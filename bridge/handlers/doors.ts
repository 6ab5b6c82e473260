import type { DoorsRequest } from '../../mesh/outside/bridge-api.ts';
import type { HostCall } from '../api/call.ts';

/**
 * POST /v1/doors: keeps the report of the host about its doors, for lists of instances; the next beat writes into the catalog whether a port is closed. The host repeats it within a minute, and it is only the host's own word.
 */
export async function doors({ host, body }: HostCall<never, DoorsRequest>): Promise<object> {
  host.doors = new Map(body.instances.map(({ id, ...report }) => [id, report]));
  return {};
}
