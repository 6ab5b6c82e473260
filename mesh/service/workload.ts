import type { OwnerReference } from '../../crds/kubernetes.ts';

/** A pod, as far as it tells who makes it again. */
export interface Made {
  name: string;
  /** Its controller, as kubectl names it: `deployment/web`, `job/migrate`; undefined: nobody makes it again. */
  workload: string | undefined;
}

interface Metadata {
  labels?: Record<string, string>;
  ownerReferences?: OwnerReference[];
}

export function workloadOf({ labels = {}, ownerReferences = [] }: Metadata): string | undefined {
  const owner = ownerReferences.find(({ controller }) => controller === true);
  if (owner === undefined) return undefined;
  const hash = `-${labels['pod-template-hash']}`;
  // A Deployment puts this label on its ReplicaSets, and ends their names with it.
  return owner.kind === 'ReplicaSet' && owner.name.endsWith(hash)
    ? `deployment/${owner.name.slice(0, -hash.length)}`
    : `${owner.kind.toLowerCase()}/${owner.name}`;
}

const CAN_RESTART = /^(deployment|statefulset|daemonset)\//;
const NAMED = 5;

/** The commands by which these pods are made again. At least one pod. */
export function makeAgain(pods: Made[], namespace: string): string {
  const workloads = [...new Set(pods.flatMap(({ workload }) => workload ?? []))].sort();
  const restarted = workloads.filter((one) => CAN_RESTART.test(one));
  const others = workloads.filter((one) => !CAN_RESTART.test(one));
  const bare = pods.filter(({ workload }) => workload === undefined).map(({ name }) => name);
  const ways = [
    restarted.length > 0 && `kubectl -n ${namespace} rollout restart ${some(restarted, ' ')}`,
    others.length > 0 && `delete the pods of ${some(others, ', ')} (a Job: delete it and apply it again)`,
    bare.length > 0 &&
      `delete ${some(
        bare.map((name) => `pod/${name}`),
        ', ',
      )} and apply it again, since no controller does`,
  ];
  return ways.filter((way) => way !== false).join('; ');
}

/** A command without an ellipsis can be pasted, so the rest is named behind it. */
const some = (all: string[], separator: string): string =>
  `${all.slice(0, NAMED).join(separator)}${all.length > NAMED ? ` (and ${all.length - NAMED} more)` : ''}`;
