import type { Container } from '../../crds/kubernetes.ts';
import { SIDECAR_PORT } from '../../crds/mesh-service.ts';
import { HOST_PORT_NAME } from '../names/names.ts';
import type { Variable } from '../service/upstream-variables.ts';
import { type Operation, pointer } from './operations.ts';

/** The additions to the containers of a pod. */
export interface ForContainers {
  variables: Variable[];
  /** How long they run on before the kubelet stops them, seconds. 0: no delay. */
  holdSeconds: number;
  /** Port of the node that leads to the sidecar. */
  hostPort?: number | undefined;
}

/** The additions to one list of containers. A container keeps every field that it sets itself. */
export const containerOperations = (
  list: 'containers' | 'initContainers',
  containers: Container[],
  { variables, holdSeconds, hostPort }: ForContainers,
): Operation[] =>
  containers.flatMap((container, index) => [
    ...environment(container, ['spec', list, index], variables),
    ...(holdSeconds === 0 ? [] : hold(container, ['spec', list, index], holdSeconds)),
    ...(index > 0 || hostPort === undefined ? [] : port(container, ['spec', list, index], hostPort)),
  ]);

const add = (steps: (string | number)[], value: unknown): Operation => ({ op: 'add', path: pointer(...steps), value });

/** First in the list: Kubernetes expands `$(NAME)` only from variables that stand before. */
function environment(container: Container, at: (string | number)[], variables: Variable[]): Operation[] {
  const held = container.env ?? [];
  const own = new Set(held.map(({ name }) => name));
  const added = variables.filter(({ name }) => !own.has(name));
  if (added.length === 0) return [];
  if (held.length === 0) return [add([...at, 'env'], added)];
  return added.map((variable, index) => add([...at, 'env', index], variable));
}

/**
 * The kubelet tells a container to stop once its preStop hook has ended, and a sidecar once all others have: so an app that
 * ends at once still answers what is on its way while its callers hear that it leaves.
 */
function hold(container: Container, at: (string | number)[], seconds: number): Operation[] {
  const preStop = { sleep: { seconds } };
  const lifecycle = container.lifecycle as { preStop?: unknown } | null | undefined;
  if (lifecycle === undefined || lifecycle === null) return [add([...at, 'lifecycle'], { preStop })];
  return lifecycle.preStop ? [] : [add([...at, 'lifecycle', 'preStop'], preStop)];
}

/**
 * Said by the first container, not by the sidecar: the kubelet passes on no host ports of init containers, and all
 * containers of a pod share its network.
 */
function port({ ports }: Container, at: (string | number)[], hostPort: number): Operation[] {
  const ours = { name: HOST_PORT_NAME, containerPort: SIDECAR_PORT, hostPort, protocol: 'TCP' };
  return [ports ? add([...at, 'ports', ports.length], ours) : add([...at, 'ports'], [ours])];
}
