import type { OwnerReference } from '../../crds/kubernetes.ts';
import { type Made, makeAgain, workloadOf } from '../service/workload.ts';

/** A pod that a MeshService selects and that has no sidecar. */
export type PodWithoutSidecar = Made;

interface Metadata {
  name: string;
  labels?: Record<string, string>;
  ownerReferences?: OwnerReference[];
}

export const podWithoutSidecar = (metadata: Metadata): PodWithoutSidecar => ({
  name: metadata.name,
  workload: workloadOf(metadata),
});

/** Which pods have no sidecar, and the command that gives them one. At least one pod. */
export function withoutSidecarMessage(pods: PodWithoutSidecar[], namespace: string): string {
  const count = `${pods.length} pod${pods.length === 1 ? ' runs' : 's run'} without a sidecar, for example ${pods[0]?.name}`;
  return `${count}. To give ${pods.length === 1 ? 'it' : 'them'} one: ${makeAgain(pods, namespace)}`;
}
