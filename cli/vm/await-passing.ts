import type { LocalClient } from '../../agent/local-api/client.ts';
import { messageOf } from '../../base/problem.ts';
import type { InstanceStatus } from '../../agent/instances/instance-status.ts';
import type { AgentStatus } from '../../agent/local-api/status.ts';

export interface Awaited {
  passing: InstanceStatus[];
  /** Why the others are not passing in the mesh, one sentence each. */
  failing: { id: string; why: string }[];
  status: AgentStatus | undefined;
}

const SAY_AFTER_MS = 3000;

/**
 * Asks the agent until each of the instances is passing in the mesh, or the deadline has come. Times in ms. `say`: called
 * after a while with what is waited for, and when that has changed.
 */
export async function awaitPassing(
  agent: LocalClient,
  ids: string[],
  deadlineMs: number,
  say: (sentence: string) => void = () => undefined,
): Promise<Awaited> {
  const startedMs = performance.now();
  let said = '';
  for (;;) {
    const asked = await agent.status().catch((error: unknown) => messageOf(error));
    const result = typeof asked === 'string' ? unanswered(ids, asked) : judge(asked, ids);
    if (result.failing.length === 0 || performance.now() - startedMs > deadlineMs) return result;
    const waitsFor = result.failing.map(({ id, why }) => `${id}: ${why}`).join('; ');
    if (waitsFor !== said && performance.now() - startedMs > SAY_AFTER_MS) {
      said = waitsFor;
      say(`waiting up to ${deadlineMs / 1000} s: ${waitsFor}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const unanswered = (ids: string[], why: string): Awaited => ({
  passing: [],
  failing: ids.map((id) => ({ id, why })),
  status: undefined,
});

function judge(status: AgentStatus, ids: string[]): Awaited {
  const judged = ids.map((id) => ({ id, instance: status.instances.find((each) => each.id === id) }));
  const why = judged.map(({ id, instance }) => ({ id, why: whyNotPassing(status, instance) }));
  return {
    status,
    passing: judged.flatMap(({ instance }, index) => (why[index]?.why === undefined ? (instance ?? []) : [])),
    failing: why.flatMap(({ id, why }) => (why === undefined ? [] : [{ id, why }])),
  };
}

/** The first step that has not been taken, from the file to the mesh; undefined when the instance is passing. */
export function whyNotPassing(status: AgentStatus, instance: InstanceStatus | undefined): string | undefined {
  if (instance === undefined) return status.problems[0] ?? 'the agent does not know it yet';
  if (instance.inMesh === 'passing' && instance.now.health === 'passing') return undefined;
  const { bridge } = status;
  if (instance.refused !== undefined) return `the bridge refuses it: ${instance.refused}`;
  if (bridge.leaseAgeMs === undefined) return bridge.problem ?? `the bridge at ${bridge.address} has not answered yet`;
  if (instance.check && instance.check.state !== 'passing') return `its check fails: ${instance.check.output}`;
  if (instance.draining) return 'it is draining (landbridge vm undrain ends that)';
  if (instance.now.health !== 'passing')
    return `Envoy: ${instance.envoy.problem ?? 'it has no configuration from Consul yet'}`;
  return bridge.problem ?? 'the bridge has not taken it yet';
}
