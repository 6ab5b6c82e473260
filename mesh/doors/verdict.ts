import type { Condition } from '../../crds/kubernetes.ts';
import type { MutualTLS } from '../../crds/doors.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import { REASONS, type Reason } from '../../crds/reasons.ts';
import { sidecarPolicy } from '../names/names.ts';
import { doorsOf } from './doors.ts';
import type { Lead } from './leads.ts';
import { type MachineDoors, machinesVerdict } from './machines-verdict.ts';
import type { Opener } from './openers.ts';

/** The results of trials, for the pods that exist. */
export interface TrialSeen {
  open: { pod: string; node: string | undefined; port: number }[];
  /** Pods with an open port: more than are named. */
  openPods: number;
  /** Pods of which the ports of the app did not answer and the sidecar did. */
  closed: number;
  /** Ports that were tried at those. */
  ports: number[];
  /** A pod whose sidecar did not answer either. */
  unreached: string | undefined;
}

/** All facts about the doors of a MeshService. */
export interface DoorsSeen {
  /** The mode of the installation, for a MeshService that does not set one. */
  standard: MutualTLS;
  /** A policy that somebody else made has the name. */
  policyOfAnother: boolean;
  /** Why the policy could not be kept. */
  problem: string | undefined;
  openers: Opener[];
  leads: Lead[];
  trial: TrialSeen;
  /** false: its pods have not been tried since this operator began to lead. Default: true. */
  isTried?: boolean;
}

export const NO_TRIAL: TrialSeen = { open: [], openPods: 0, closed: 0, ports: [], unreached: undefined };

type Judged = Pick<Condition, 'status' | 'message'> & { reason: Reason };

/** The condition Enforced of a MeshService; undefined: it has no pods, and no instance on a machine. */
export function doorsVerdict(meshService: MeshService, seen: DoorsSeen, machines?: MachineDoors): Judged | undefined {
  const hasPods = meshService.spec.workloads.pods !== undefined;
  if (!hasPods && machines === undefined) return undefined;
  if (doorsOf(meshService, seen.standard).mode === 'Permissive')
    return { status: 'False', reason: 'Permissive', message: permissive(meshService, seen) };
  const parts = [
    ...(hasPods ? [podsVerdict(meshService, seen)] : []),
    ...(machines === undefined ? [] : [machinesVerdict(machines)]),
  ];
  // The worst gives the reason; a part that is as bad adds its words.
  const order = ['False', 'Unknown', 'True'];
  const [first, second] = parts.sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
  if (first === undefined || second?.status !== first.status) return first;
  return { ...first, message: `${first.message.replace(/\.$/, '')}; ${second.message}` };
}

function podsVerdict({ metadata }: MeshService, seen: DoorsSeen): Judged {
  const policy = `NetworkPolicy ${sidecarPolicy(metadata.name)}`;
  if (seen.policyOfAnother)
    return no(
      'PolicyOfAnother',
      `${policy} is of another hand, so it was not touched and the ports of the app stay open: rename or delete it`,
    );
  if (seen.problem !== undefined) return no('PolicyNotKept', `${policy} could not be written: ${seen.problem}`);
  const [open] = seen.trial.open;
  if (seen.openers.length > 0) return no('OpenedByPolicy', opened(seen.openers));
  if (open !== undefined) return no('DoorOpen', doorOpen(open, seen.trial.openPods, policy));
  if (seen.trial.closed > 0) {
    const tried = `(port ${seen.trial.ports.join(', ')})`;
    return {
      status: 'True',
      reason: 'Enforced',
      message: `No connection past the sidecars got through to the pods that were tried ${tried}. An app that listens on 127.0.0.1 alone refuses them as well.`,
    };
  }
  return { status: 'Unknown', reason: 'DoorsNotTried', message: untried(seen.trial) };
}

const no = (reason: Reason, message: string): Judged => ({ status: 'False', reason, message });

function permissive({ spec }: MeshService, { leads }: DoorsSeen): string {
  const why =
    spec.mutualTLS === undefined ? 'the installation says defaultMutualTLS Permissive' : 'spec.mutualTLS is Permissive';
  const ways =
    leads.length === 0
      ? 'No Service or Ingress of the namespace is seen that leads to these ports'
      : `Callers come in plain text by ${leads.map(({ text }) => text).join(', ')}`;
  const says = `${REASONS.Permissive.replace(/\.$/, '')}, since ${why}`;
  if (spec.workloads.pods === undefined) return `${says}. Set spec.mutualTLS: Strict once all callers are in the mesh`;
  return `${says}. ${ways}; callers that use the addresses of pods are not seen. Set spec.mutualTLS: Strict once all callers are in the mesh`;
}

const opened = (openers: Opener[]): string =>
  `${openers
    .map(
      ({ policy, everybody, ports }) =>
        `NetworkPolicy ${policy} opens ${ports} to ${everybody ? 'everybody' : 'those that its "from" names'}`,
    )
    .join(
      '; ',
    )}, past the sidecars and spec.access. Policies add up, so take that out of it; or name the ports in spec.plaintextPorts`;

function doorOpen({ pod, node, port }: TrialSeen['open'][number], pods: number, policy: string): string {
  const where = `port ${port} of pod ${pod}${node === undefined ? '' : ` on node ${node}`}`;
  const more = pods > 1 ? `, and ${pods - 1} more pod(s)` : '';
  return `a connection to ${where} got through although ${policy} does not admit it${more}: the network plugin of the cluster does not enforce NetworkPolicies there. Install one that does, or let the app listen on 127.0.0.1 alone; a port that is meant for everybody goes into spec.plaintextPorts`;
}

function untried({ unreached }: TrialSeen): string {
  const because =
    unreached === undefined
      ? 'no ready pod has a port that could be tried'
      : `pod ${unreached} does not answer the operator at its sidecar either, so a port that is silent proves nothing`;
  return `${REASONS.DoorsNotTried.replace(/\.$/, '')}: ${because}`;
}
