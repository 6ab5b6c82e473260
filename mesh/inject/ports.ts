import type { Container, PodSpec } from '../../crds/kubernetes.ts';
import { type MeshService, RESERVED_PORTS } from '../../crds/mesh-service.ts';
import { HOST_PORT_NAME, SIDECAR_CONTAINER } from '../names/names.ts';

interface Port {
  container: string;
  containerPort: number;
}

/** The TCP ports that the app's containers say. All containers of a pod share its network, and the sidecar starts first. */
const portsOf = (spec: PodSpec): Port[] =>
  [...spec.containers, ...(spec.initContainers ?? []).filter(runsOn)]
    .filter(({ name }) => name !== SIDECAR_CONTAINER)
    .flatMap(({ name: container, ports }) =>
      (ports ?? [])
        .filter(({ protocol, name }) => (protocol ?? 'TCP') === 'TCP' && name !== HOST_PORT_NAME)
        .map(({ containerPort }) => ({ container, containerPort })),
    );

const runsOn = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always';

/** A sentence about a port that the sidecar takes on all addresses: a container that wants it never starts. */
export function reservedPortTaken(spec: PodSpec): string | undefined {
  const taken = portsOf(spec).find(({ containerPort }) => RESERVED_PORTS.includes(containerPort));
  if (taken === undefined) return undefined;
  return `container "${taken.container}" listens on port ${taken.containerPort}, which the sidecar uses: choose a port that is not one of ${RESERVED_PORTS.join(', ')}, or label the pod landbridge.dev/inject=false`;
}

/**
 * Ports of upstreams that a container says as well. The sidecar takes them on 127.0.0.1 alone, and a declared port need not
 * be one that is listened on, so such a pod may run: a warning.
 */
export function upstreamPortsTaken(spec: PodSpec, { spec: { upstreams }, metadata }: MeshService): string[] {
  const upstreamAt = new Map(upstreams.map(({ localPort, service }) => [localPort, service]));
  return portsOf(spec).flatMap(({ container, containerPort }) => {
    const upstream = upstreamAt.get(containerPort);
    if (upstream === undefined) return [];
    return [
      `container "${container}" listens on port ${containerPort}, where MeshService ${metadata.name} has its upstream ${upstream}: give that upstream another localPort`,
    ];
  });
}
