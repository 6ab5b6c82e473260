import type { MutualTLS, PlaintextPort } from '../../crds/doors.ts';
import { type MeshService, SIDECAR_PORT, SIDECAR_READY_PORT } from '../../crds/mesh-service.ts';

/** What can be reached of an instance from outside it. */
export interface Doors {
  mode: MutualTLS;
  /** Ports of the sidecar that others must reach, TCP: the mesh, and the readiness and statistics of the proxy. */
  sidecarPorts: number[];
  /** Ports that everybody may reach, TCP and UDP. Names are those of container ports. */
  plaintextPorts: PlaintextPort[];
}

/** Ports of a pod's sidecar that others must reach: peers, and the kubelet and what gathers statistics. A machine's sidecar has a port of its own. */
export const POD_SIDECAR_PORTS = [SIDECAR_PORT, SIDECAR_READY_PORT];

/** What a MeshService asks for; `standard` is what the installation says for those that do not say it. */
export const doorsOf = ({ spec }: Pick<MeshService, 'spec'>, standard: MutualTLS): Doors => ({
  mode: spec.mutualTLS ?? standard,
  sidecarPorts: POD_SIDECAR_PORTS,
  plaintextPorts: spec.plaintextPorts,
});

/** Plaintext ports by number: container port names have no meaning where there is no container. */
export const plaintextNumbers = ({ plaintextPorts }: Pick<Doors, 'plaintextPorts'>): number[] =>
  plaintextPorts.filter((port) => typeof port === 'number');
