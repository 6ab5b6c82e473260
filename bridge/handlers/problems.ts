import type { ProblemsRequest } from '../../mesh/outside/bridge-api.ts';
import type { HostCall } from '../api/call.ts';

/**
 * POST /v1/problems: keeps what the host says is wrong with it, for lists of instances. The host repeats it within a minute while
 * it lasts, and it is only the host's own word.
 */
export async function problems({ host, body }: HostCall<never, ProblemsRequest>): Promise<object> {
  host.problems = body.problems;
  return {};
}
