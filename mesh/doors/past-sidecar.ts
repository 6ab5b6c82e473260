import type { PodFacts } from '../service/pod.ts';
import type { Doors } from './doors.ts';

/** The fields of a pod that show which ports lead past the sidecar. */
export type PodPorts = Pick<PodFacts, 'ports'> & Pick<Partial<PodFacts>, 'tcpPorts'>;

/** Names of the container ports of the sidecar (mesh/inject/sidecar.ts). */
const SIDECAR_PORT_NAMES = ['mesh', 'mesh-ready'];

/** Whether a port, by number or by container port name, leads past the sidecar of a pod under Strict. A name that the pod does not have leads nowhere. */
export function leadsPast({ sidecarPorts, plaintextPorts }: Doors, port: number | string, pod: PodPorts): boolean {
  if (plaintextPorts.includes(port)) return false;
  const number = typeof port === 'number' ? port : pod.ports[port];
  if (number === undefined || (typeof port === 'string' && SIDECAR_PORT_NAMES.includes(port))) return false;
  if (sidecarPorts.includes(number)) return false;
  return !plaintextPorts.some((open) => (typeof open === 'number' ? open : pod.ports[open]) === number);
}

/** Ports of one pod that are tried at a time. */
const MAX_TRIED = 4;

/** Ports of the app that nobody should reach, as far as the pod and `spec.port` say them. */
export function closedPorts(doors: Doors, appPort: number | string | undefined, pod: PodPorts): number[] {
  const app = typeof appPort === 'string' ? pod.ports[appPort] : appPort;
  const said = [...(app ? [app] : []), ...(pod.tcpPorts ?? [])];
  return [...new Set(said)].filter((port) => leadsPast(doors, port, pod)).slice(0, MAX_TRIED);
}
