import { MUTUAL_TLS, type MutualTLS, type PlaintextPort } from '../../crds/doors.ts';
import { type MeshService, SIDECAR_PORT, SIDECAR_READY_PORT } from '../../crds/mesh-service.ts';

/** The ports of an instance that can be reached from outside it. */
export interface Doors {
  mode: MutualTLS;
  /** Ports of the sidecar that others must reach, TCP: the mesh, and the readiness and statistics of the proxy. */
  sidecarPorts: number[];
  /** Ports that everybody may reach, TCP and UDP. Names are those of container ports. */
  plaintextPorts: PlaintextPort[];
}

/** Ports of a pod's sidecar that others must reach: peers, and the kubelet and what gathers statistics. A machine's sidecar has a port of its own. */
const POD_SIDECAR_PORTS = [SIDECAR_PORT, SIDECAR_READY_PORT];

/** The doors of a MeshService. `standard` is the mode of the installation, for a MeshService that does not set one. */
export const doorsOf = ({ spec }: Pick<MeshService, 'spec'>, standard: MutualTLS): Doors => ({
  mode: spec.mutualTLS ?? standard,
  sidecarPorts: POD_SIDECAR_PORTS,
  plaintextPorts: spec.plaintextPorts,
});

/** Plaintext ports that are numbers: a machine has no container ports with names. */
export const plaintextNumbers = ({ plaintextPorts }: Pick<Doors, 'plaintextPorts'>): number[] =>
  plaintextPorts.filter((port) => typeof port === 'number');

/**
 * The mode of MeshServices that do not set one: the mode in the values, else the mark that the bootstrap job left in the Secrets of
 * operator and bridge. An installation from before there were modes has no mark (`mark` throws, or gives something else), and is
 * Permissive until somebody decides.
 */
export function standardMode(setting: MutualTLS | 'Auto', mark: () => string): MutualTLS {
  if (setting !== 'Auto') return setting;
  try {
    const marked = mark();
    return MUTUAL_TLS.find((mode) => mode === marked) ?? 'Permissive';
  } catch {
    return 'Permissive';
  }
}
