import type { NetworkPolicyPort } from '../../crds/kubernetes.ts';
import type { PodFacts } from '../service/pod.ts';
import { selects } from '../service/selector.ts';
import type { Doors } from './doors.ts';
import { leadsPast } from './past-sidecar.ts';
import type { PolicyFacts } from './policy.ts';

/** A NetworkPolicy of another hand that lets connections in past the sidecars. Policies add up: none takes back what another opens. */
export interface Opener {
  policy: string;
  /** To everybody, or to those whom its `from` names. */
  everybody: boolean;
  /** As people read it: `every port`, or some of them. */
  ports: string;
}

/** Pods whose labels are looked at: those of one workload have the same but for names and hashes. */
const MAX_PODS = 32;
/** Openers that are named. */
const MAX_OPENERS = 3;

/** `policies`: all policies of the namespace except our own. */
export function openersOf(doors: Doors, pods: readonly PodFacts[], policies: readonly PolicyFacts[]): Opener[] {
  const looked = pods.slice(0, MAX_PODS);
  const openers: Opener[] = [];
  for (const policy of policies) {
    if (openers.length === MAX_OPENERS) break;
    const opener = openedBy(doors, looked, policy);
    if (opener !== undefined) openers.push(opener);
  }
  return openers;
}

function openedBy(doors: Doors, pods: readonly PodFacts[], policy: PolicyFacts): Opener | undefined {
  const pod = pods.find(({ labels }) => selects(policy.podSelector, labels));
  if (pod === undefined) return undefined;
  const rules = (policy.ingress ?? [])
    .map(({ everybody, ports }) => ({ everybody, ports: ports?.filter((port) => opens(doors, port, pod)) }))
    .filter(({ ports }) => ports === undefined || ports.length > 0);
  if (rules.length === 0) return undefined;
  const all = rules.flatMap(({ ports }) => ports ?? [{}]);
  return {
    policy: policy.name,
    everybody: rules.some(({ everybody }) => everybody),
    ports: all.some(({ port }) => port === undefined) ? 'every port' : `port ${spelt(all)}`,
  };
}

/** A range opens more than the ports that may be open. */
const opens = (doors: Doors, { port, endPort }: NetworkPolicyPort, pod: PodFacts): boolean =>
  port === undefined || (endPort !== undefined && endPort !== port) || leadsPast(doors, port, pod);

function spelt(ports: NetworkPolicyPort[]): string {
  const names = ports.map(({ port, endPort }) => (endPort === undefined ? String(port) : `${port}-${endPort}`));
  return [...new Set(names)].slice(0, 5).join(', ');
}
