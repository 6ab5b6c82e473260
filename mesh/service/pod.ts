import type { Pod } from '../../crds/kubernetes.ts';
import {
  ANNOTATION_INJECTED,
  HOST_PORT_NAME,
  LABEL_MESH_SERVICE,
  LABEL_VERSION,
  LABEL_ZONE,
  MARK_VARIABLES,
  SIDECAR_CONTAINER,
} from '../names/names.ts';
import { podTrouble } from './pod-trouble.ts';
import { workloadOf } from './workload.ts';

/** The part of a pod in memory: just the fields that are read. */
export interface PodFacts {
  namespace: string;
  name: string;
  uid: string;
  /** When it was made, ms; 0: not known. */
  createdMs?: number;
  /** The MeshService it was injected for. */
  meshService: string;
  injected: boolean;
  labels: Record<string, string>;
  ip: string | undefined;
  node: string | undefined;
  /** Address of its node. */
  hostIp: string | undefined;
  /** Port of its node that leads to its sidecar. */
  hostPort: number | undefined;
  version: string | undefined;
  zone: string | undefined;
  ready: boolean;
  terminating: boolean;
  /** Succeeded or Failed: it will never run again. */
  finished: boolean;
  /** Why it is not ready, in one line. */
  notReadyBecause: string;
  /** Why it will not be ready by itself (mesh/service/pod-trouble.ts). */
  trouble?: string | undefined;
  /** Named ports of its containers and native sidecars. */
  ports: Record<string, number>;
  /** TCP ports that its containers and native sidecars say. Default: not known. */
  tcpPorts?: number[];
  /** Names of the variables that its injection gave to containers. Default: none. */
  variables?: string[];
  /** See Made. */
  workload?: string | undefined;
}

/** The API server's pod -> what we keep. */
export function podFacts(pod: Pod): PodFacts {
  const { metadata, spec, status } = pod;
  const ready = status?.conditions?.find((condition) => condition.type === 'Ready');
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    createdMs: Date.parse(metadata.creationTimestamp ?? '') || 0,
    meshService: metadata.labels?.[LABEL_MESH_SERVICE] ?? '',
    injected: metadata.annotations?.[ANNOTATION_INJECTED] === 'true',
    labels: metadata.labels ?? {},
    ip: status?.podIP || undefined,
    node: spec.nodeName,
    hostIp: status?.hostIP || undefined,
    hostPort: sidecarHostPort(spec),
    version: metadata.labels?.[LABEL_VERSION] ?? metadata.labels?.version,
    zone: metadata.labels?.[LABEL_ZONE],
    ready: ready?.status === 'True',
    terminating: metadata.deletionTimestamp !== undefined,
    finished: status?.phase === 'Succeeded' || status?.phase === 'Failed',
    notReadyBecause: ready?.message || ready?.reason || `pod is ${status?.phase ?? 'Pending'}`,
    trouble: podTrouble(pod),
    ports: namedPorts(spec),
    tcpPorts: tcpPorts(spec),
    variables: givenVariables(spec),
    workload: workloadOf(metadata),
  };
}

function givenVariables({ initContainers = [] }: Pod['spec']): string[] {
  const sidecar = initContainers.find(({ name }) => name === SIDECAR_CONTAINER);
  const said = sidecar?.env?.find(({ name }) => name === MARK_VARIABLES)?.value;
  return said === undefined ? [] : said.split(',').map((variable) => variable.split('=', 1)[0]!);
}

const sidecarHostPort = ({ containers }: Pod['spec']): number | undefined =>
  containers.flatMap(({ ports = [] }) => ports).find(({ name }) => name === HOST_PORT_NAME)?.hostPort;

/** An app's own native sidecar may be what answers; of two ports of one name that of a container counts. */
function namedPorts(spec: Pod['spec']): Record<string, number> {
  const named = portsOf(spec).filter((port) => port.name !== undefined);
  return Object.fromEntries(named.map((port) => [port.name, port.containerPort]));
}

function portsOf({ containers, initContainers = [] }: Pod['spec']) {
  const sidecars = initContainers.filter(
    ({ name, restartPolicy }) => restartPolicy === 'Always' && name !== SIDECAR_CONTAINER,
  );
  return [...sidecars, ...containers].flatMap((container) => container.ports ?? []);
}

/** Ports of one pod that are kept. */
const MAX_TCP_PORTS = 8;

function tcpPorts(spec: Pod['spec']): number[] {
  const ports = portsOf(spec).filter(({ protocol = 'TCP', name }) => protocol === 'TCP' && name !== HOST_PORT_NAME);
  return [...new Set(ports.map(({ containerPort }) => containerPort))].slice(0, MAX_TCP_PORTS);
}
