import { HOST_PORTS, type MeshService } from '../../crds/mesh-service.ts';
import type { TrafficProblem } from './problems/problem.ts';

/** https://kubernetes.io/docs/concepts/security/pod-security-standards/: both allow no host port but 0. */
export const forbidsHostPorts = (podSecurity: string | undefined): boolean =>
  podSecurity === 'baseline' || podSecurity === 'restricted';

/**
 * A port of the node for one more pod: one that no pod of the cluster has while there is such, so that pods of one service
 * can share a node. Kubernetes has no host port that it chooses itself. `taken` may be behind, so the choice is made at
 * random, and two that were made at once seldom meet; if they do, the scheduler puts them on different nodes.
 */
export function chooseHostPort(taken: ReadonlySet<number>, random: () => number): number {
  const all = Array.from({ length: HOST_PORTS.last - HOST_PORTS.first + 1 }, (_, index) => HOST_PORTS.first + index);
  const free = all.filter((port) => !taken.has(port));
  const from = free.length === 0 ? all : free;
  return from[Math.floor(random() * from.length)]!;
}

/** Says at once what would be seen only as pods that never come, in the events of a ReplicaSet. */
export function hostPortProblems(meshService: MeshService, podSecurity: string | undefined): TrafficProblem[] {
  const { reach, workloads } = meshService.spec;
  if (reach !== 'hostPort' || workloads.pods === undefined || !forbidsHostPorts(podSecurity)) return [];
  return [{ weight: 'refuse', reason: 'HostPortForbidden', message: hostPortForbidden(meshService, podSecurity!) }];
}

export const hostPortForbidden = ({ metadata }: MeshService, podSecurity: string): string =>
  `namespace ${metadata.namespace} enforces the Pod Security standard "${podSecurity}", which forbids host ports: route the pod network to the sites and leave spec.reach at pod, or move the workload to a namespace with pod-security.kubernetes.io/enforce=privileged`;
