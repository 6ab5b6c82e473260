import type { Container, PodSpec } from '../../crds/kubernetes.ts';
import { type MeshService, RESERVED_PORTS } from '../../crds/mesh-service.ts';
import { HOST_PORT_NAME } from '../names.ts';
import { SIDECAR_CONTAINER } from './sidecar.ts';

/**
 * A sentence about a port of the pod that its sidecar takes; undefined when all ports are free. All containers of a pod share its
 * network and the sidecar starts first, so a container that wants the same port would never start.
 */
export function portProblem(spec: PodSpec, { spec: { upstreams }, metadata }: MeshService): string | undefined {
  const upstreamAt = new Map(upstreams.map(({ localPort, service }) => [localPort, service]));
  for (const container of [...spec.containers, ...(spec.initContainers ?? []).filter(runsOn)]) {
    for (const { containerPort, protocol = 'TCP', name } of container.ports ?? []) {
      if (protocol !== 'TCP' || name === HOST_PORT_NAME || container.name === SIDECAR_CONTAINER) continue;
      const where = `container "${container.name}" listens on port ${containerPort}`;
      if (RESERVED_PORTS.includes(containerPort)) {
        return `${where}, which the sidecar uses: choose a port that is not one of ${RESERVED_PORTS.join(', ')}, or label the pod landbridge.dev/inject=false`;
      }
      const upstream = upstreamAt.get(containerPort);
      if (upstream !== undefined) {
        return `${where}, where MeshService ${metadata.name} has its upstream ${upstream}: give that upstream another localPort`;
      }
    }
  }
  return undefined;
}

const runsOn = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always';
