import { join } from 'node:path';

import type { ReachAnswer } from '../../mesh/outside/bridge-api.ts';
import type { ProbeResult } from '../../mesh/outside/bridge-shapes.ts';

import { ADMIN_SOCKET, instanceFolder } from '../machine/instance-id.ts';
import type { InstanceStatus } from '../instances/instance-status.ts';
import { hostPort } from '../../base/host-port.ts';
import { messageOf } from '../../base/problem.ts';
import { isLoopback, ownAddresses } from '../../base/proc-net.ts';
import { tryUpstream } from './try-upstream.ts';
import { takenPort } from './upstream-answer.ts';

/** One direction of one instance. */
export interface Finding {
  /** Its id; empty: it is about the whole machine. */
  instance: string;
  /** The upstream that the instance called; undefined: the mesh called the instance. */
  upstream?: { service: string; localPort: number };
  ok: boolean;
  /** One line. */
  output: string;
  /** A problem of the instance's own Envoy, for example a port of an upstream that is taken. */
  envoy?: string;
}

/** Tries the way from the bridge to each instance of this machine, and from each instance to each of its upstreams. */
export async function selfTest(options: {
  instances: InstanceStatus[];
  runtimeDir: string;
  /** Asks the bridge. */
  reach: () => Promise<ReachAnswer>;
  /** Tries sidecars of pods that this machine calls, without Envoy. */
  tryPods: () => Promise<ProbeResult[]>;
  /** The problem of this machine's clock. With a wrong clock calls fail that look well from here. */
  clockProblem: () => string | undefined;
  /** Why the last beat was not taken: the bridge answers a test of a copy with the findings of the original. */
  beatProblem: () => string | undefined;
  /** Where this machine says that it is reached. */
  address: string;
  /** Default: those of its interfaces. */
  own?: ReadonlySet<string>;
}): Promise<Finding[]> {
  const { instances, runtimeDir, reach, tryPods, clockProblem, beatProblem, address, own = ownAddresses() } = options;
  const [answer, outward, pods] = await Promise.all([
    reach().catch((error: unknown) => messageOf(error)),
    Promise.all(instances.flatMap(toMesh)),
    // The other direction reports a bridge that does not answer.
    tryPods().catch(() => []),
  ]);
  const refused = beatProblem();
  // A bridge that does not answer at all is in the findings of each instance.
  const unheard =
    refused === undefined || typeof answer === 'string'
      ? undefined
      : `the bridge does not take this machine: ${refused}`;
  const whole = [clockProblem(), unheard, ...new Set(instances.map(withoutConsul))];
  return [
    ...whole.flatMap((output) =>
      output === undefined || instances.length === 0 ? [] : [{ instance: '', ok: false, output }],
    ),
    ...fromMesh(instances, answer, strangeAddress(address, own)),
    ...outward.map((finding) => withPods(finding, pods)),
  ];

  function toMesh({ id, upstreams, envoy }: InstanceStatus): Promise<Finding>[] {
    const socket = join(instanceFolder(runtimeDir, id), ADMIN_SOCKET);
    return upstreams.map(async (upstream) => {
      const taken = takenPort(upstream, envoy.problem);
      if (taken !== undefined) return { instance: id, upstream, ok: false, output: taken, envoy: envoy.problem! };
      const { ok, output } = await tryUpstream(socket, upstream);
      const finding = { instance: id, upstream, ok, output };
      // Envoy's own words (a port that is taken) explain more than "nobody answers".
      return ok || envoy.problem === undefined
        ? finding
        : { ...finding, output: `${output}; Envoy says: ${envoy.problem}`, envoy: envoy.problem };
    });
  }
}

/** Calls that an instance within reach answered say nothing of the others, which Envoy calls as well. */
function withPods(finding: Finding, pods: ProbeResult[]): Finding {
  const lost = pods.filter(({ ok, service }) => !ok && service === finding.upstream?.service);
  const [first] = lost;
  if (first === undefined) return finding;
  const where = hostPort(first.address, first.port);
  const advice = 'route the pod network to this machine, or set spec.reach: hostPort in its MeshService';
  return {
    ...finding,
    ok: false,
    output: `${finding.output}; ${lost.length} of its pods cannot be reached from here, ${where} for example (${first.output}): ${advice}`,
  };
}

/** Such an Envoy keeps its last configuration, so calls can pass. */
const withoutConsul = ({ envoy: { state, connected, problem } }: InstanceStatus): string | undefined =>
  state === 'live' && !connected && problem !== undefined
    ? `${problem}. Until then its Envoys go on with the configuration that they have`
    : undefined;

/** A machine behind a NAT has such an address too, so this is said only where no way leads to it. */
function strangeAddress(address: string, own: ReadonlySet<string>): string | undefined {
  if (own.has(address)) return undefined;
  const shown = [...own].filter((one) => !isLoopback(one) && !one.startsWith('fe80:'));
  return `no interface of this machine has ${address}, it has ${shown.join(', ') || 'none'}: unless a NAT leads here from there, run the line of a new invite without --address, or with the right one`;
}

function fromMesh(instances: InstanceStatus[], answer: ReachAnswer | string, strange: string | undefined): Finding[] {
  // A member that only calls others is called by nobody.
  const called = instances.filter(({ appPort }) => appPort !== 0);
  return called.map(({ id: instance, envoy }) => {
    if (typeof answer === 'string') return { instance, ok: false, output: `the bridge could not be asked: ${answer}` };
    const { ok, output } = answer.instances.find(({ id }) => id === instance) ?? {
      ok: false,
      output: 'the bridge has not got it in the mesh',
    };
    if (ok) return { instance, ok, output };
    // No firewall is to blame while nothing listens behind it.
    if (envoy.state !== 'live')
      return { instance, ok, output: `its Envoy does not serve yet: ${envoy.problem ?? envoy.state}` };
    return { instance, ok, output: strange === undefined ? output : `${output}; ${strange}` };
  });
}
