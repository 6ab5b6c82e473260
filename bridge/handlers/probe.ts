import type { ProbeAnswer } from '../../mesh/outside/bridge-api.ts';
import type { probeRequest } from '../../mesh/outside/bridge-shapes.ts';
import type { z } from 'zod';
import type { HostCall } from '../api/call.ts';

/** POST /v1/probe: takes what a host found when it tried the pods that it calls, and says which to try next. */
export async function probe({
  bridge,
  host,
  body,
}: HostCall<'podReach', z.output<typeof probeRequest>>): Promise<ProbeAnswer> {
  await bridge.podReach.note(host, body.results);
  return { targets: await bridge.podReach.targets(host), nextMs: bridge.podReach.periodMs(host.site) };
}
