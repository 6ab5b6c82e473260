import type { PodSpec } from '../../crds/kubernetes.ts';

/**
 * The sidecar's user and group. No image is known to run its app as this one: processes of one user that see each other,
 * as in a pod with shareProcessNamespace, read each other's files and can end each other.
 */
export const SIDECAR_USER = 20_200;

interface Secured {
  securityContext?: { runAsUser?: number } | null;
}

/** A user that nothing else in the pod says to run as. */
export function userBeside(spec: PodSpec): number {
  const holders = [spec, ...spec.containers, ...(spec.initContainers ?? [])] as Secured[];
  const users = new Set(holders.map(({ securityContext }) => securityContext?.runAsUser));
  let user = SIDECAR_USER;
  while (users.has(user)) user++;
  return user;
}
