import type { ConsulRaft, RaftPeer } from '../../../clients/consul/raft.ts';
import type { KubeClient } from '../../../clients/kube/client.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Resource } from '../../../clients/kube/resources.ts';
import { persistentVolumeClaims, pods, priorityClasses, statefulSets } from '../../../clients/kube/resources.ts';
import { CONSUL_SERVER_SERVICE, NAMESPACE } from '../../../mesh/installation/installation.ts';
import {
  MOST_SERVERS,
  type Reshaping,
  consulClaim,
  consulServer,
  renewsServers,
} from '../../../mesh/installation/reshape.ts';

export interface ReshapeOptions {
  kube: KubeClient;
  /** The first server, which always stays. Asked for only where servers are to go. */
  openServers(): Promise<ConsulRaft>;
  clock: Clock;
  say(line: string): void;
}

/** For a leader to be there, and for a pod and its claim to go. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 250;

/** One line a step, for a plan. */
export function describeReshaping(step: Reshaping): string {
  switch (step.do) {
    case 'add-servers':
      return `from ${step.from} to ${step.to} Consul servers: the new ones join, and the first one goes on as it is`;
    case 'remove-servers':
      return `from ${step.from} to ${step.to} Consul server: the others leave one after the other, with their volumes`;
    case 'expand-claims':
      return `volumes of ${step.storage}: ${step.ordinals.map(consulClaim).join(' ') || 'all have it'}`;
    case 'renew-priority-class':
      return `PriorityClass ${step.name} is made again: pods that run keep the former value`;
  }
}

/**
 * Prepares an installation so that the new objects can be applied to it. A second run goes on where the first one stopped.
 * Afterwards the StatefulSet is deleted and its pods run: the next apply makes it again, and it takes the pods over.
 */
export async function reshape(options: ReshapeOptions, steps: readonly Reshaping[]): Promise<void> {
  const { kube, say } = options;
  for (const step of steps) {
    say(`  ${describeReshaping(step)}`);
    if (step.do === 'expand-claims')
      for (const ordinal of step.ordinals)
        await kube.patchMerge(persistentVolumeClaims, consulClaim(ordinal), NAMESPACE, {
          spec: { resources: { requests: { storage: step.storage } } },
        });
    if (step.do === 'remove-servers') await removeServers(options, step.to);
    if (step.do === 'renew-priority-class') await kube.delete(priorityClasses, step.name);
  }
  if (renewsServers(steps)) await letServersGo(options);
}

/** Some of its fields never change: it is made again around the pods, which go on. */
async function letServersGo({ kube, clock }: ReshapeOptions): Promise<void> {
  await kube.delete(statefulSets, CONSUL_SERVER_SERVICE, NAMESPACE, { propagationPolicy: 'Orphan' });
  await gone(kube, clock, statefulSets, CONSUL_SERVER_SERVICE);
}

/**
 * The last server goes first. Each server leaves the quorum before its pod ends, so that the remaining servers can always
 * decide. Its volume goes too: a later server of the same name would start with the old list of servers.
 */
async function removeServers(options: ReshapeOptions, to: number): Promise<void> {
  const { kube, clock, say } = options;
  const raft = await options.openServers();
  try {
    // All may be refused until here, and nothing has changed.
    const first = await stayingLeader(await raft.peers());
    await letServersGo(options);
    await lead(raft, first, clock);
    // An earlier try may have removed some of them already.
    for (let ordinal = MOST_SERVERS - 1; ordinal >= to; ordinal--) {
      const name = consulServer(ordinal);
      for (const { id } of (await raft.peers()).filter(({ node }) => node === name)) await raft.removePeer(id);
      const ran = await kube.delete(pods, name, NAMESPACE);
      await gone(kube, clock, pods, name);
      if (ran) await raft.forget(name);
      await kube.delete(persistentVolumeClaims, consulClaim(ordinal), NAMESPACE);
      await gone(kube, clock, persistentVolumeClaims, consulClaim(ordinal));
      if (ran) say(`  ${name} has left`);
    }
  } finally {
    raft.close();
  }
}

async function stayingLeader(peers: readonly RaftPeer[]): Promise<RaftPeer> {
  const first = peers.find(({ node, voter }) => node === consulServer(0) && voter);
  if (first !== undefined) return first;
  throw new Error(
    `${consulServer(0)} does not vote among the Consul servers, and would be the only one left: wait until it is ready for 20 s, and do this again. Nothing was changed`,
  );
}

async function lead(raft: ConsulRaft, first: RaftPeer, clock: Clock): Promise<void> {
  const leads = async (): Promise<boolean> => (await raft.peers()).some(({ id, leader }) => leader && id === first.id);
  if (await leads()) return;
  await raft.transferLeadership(first.id);
  // Until the new leader is known the question itself is refused.
  await until(clock, `${consulServer(0)} leads`, () => leads().catch(() => false));
}

/** `kubectl describe` names the reason when a claim or a pod does not go. */
const gone = (kube: KubeClient, clock: Clock, resource: Resource, name: string): Promise<void> =>
  until(
    clock,
    `${resource.kind} ${name} is gone`,
    async () => (await kube.get(resource, name, NAMESPACE)) === undefined,
  );

async function until(clock: Clock, what: string, met: () => Promise<boolean>): Promise<void> {
  const end = clock.steady() + PATIENCE_MS;
  while (!(await met())) {
    if (clock.steady() >= end)
      throw new Error(`waited ${PATIENCE_MS / 1000} s in vain until ${what}: do this again, and it goes on from here`);
    await clock.wait(LOOK_EVERY_MS, new AbortController().signal);
  }
}
