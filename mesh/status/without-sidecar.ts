import type { OwnerReference } from '../../crds/kubernetes.ts';

/** A pod that a MeshService selects and that has no sidecar. */
export interface PodWithoutSidecar {
  name: string;
  /** Its controller, as kubectl names it: `deployment/web`, `job/migrate`; undefined: nobody makes it again. */
  workload: string | undefined;
}

interface Metadata {
  name: string;
  labels?: Record<string, string>;
  ownerReferences?: OwnerReference[];
}

export function podWithoutSidecar({ name, labels = {}, ownerReferences = [] }: Metadata): PodWithoutSidecar {
  const owner = ownerReferences.find(({ controller }) => controller === true);
  if (owner === undefined) return { name, workload: undefined };
  const hash = `-${labels['pod-template-hash']}`;
  // A Deployment puts this label on its ReplicaSets, and ends their names with it.
  const workload =
    owner.kind === 'ReplicaSet' && owner.name.endsWith(hash)
      ? `deployment/${owner.name.slice(0, -hash.length)}`
      : `${owner.kind.toLowerCase()}/${owner.name}`;
  return { name, workload };
}

const CAN_RESTART = /^(deployment|statefulset|daemonset)\//;
const NAMED = 5;

/** Which pods have no sidecar, and the command that gives them one. At least one pod. */
export function withoutSidecarMessage(pods: PodWithoutSidecar[], namespace: string): string {
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
  ].filter((way) => way !== false);
  const count = `${pods.length} pod${pods.length === 1 ? ' runs' : 's run'} without a sidecar, for example ${pods[0]?.name}`;
  return `${count}. To give ${pods.length === 1 ? 'it' : 'them'} one: ${ways.join('; ')}`;
}

/** A command without an ellipsis can be pasted, so the rest is named behind it. */
const some = (all: string[], separator: string): string =>
  `${all.slice(0, NAMED).join(separator)}${all.length > NAMED ? ` (and ${all.length - NAMED} more)` : ''}`;
