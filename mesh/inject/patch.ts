import { type Operation, createPatch } from 'rfc6902';
import type { Container, Pod } from '../../crds/kubernetes.ts';
import { type MeshService, SIDECAR_PORT, consulName } from '../../crds/mesh-service.ts';
import { ANNOTATION_INJECTED, HOST_PORT_NAME, LABEL_MESH_SERVICE } from '../names.ts';
import { type Variable, upstreamVariables } from '../upstream-variables.ts';
import { SIDECAR_CONTAINER } from './decide.ts';
import { SIDECAR_VOLUME, type SidecarSettings, sidecar, sidecarVolume } from './sidecar.ts';

/** Looks up the protocol of a service by its Consul name; undefined when no MeshService here says. */
export type ProtocolOf = (service: string) => string | undefined;

/** The pod with its sidecar, which `hostPort` of its node leads to. Injecting twice gives the same pod as once. */
export function injected(
  pod: Pod,
  meshService: MeshService,
  settings: SidecarSettings,
  protocolOf: ProtocolOf,
  hostPort?: number,
): Pod {
  const env = upstreamVariables(meshService.spec, protocolOf).map(({ name, value }) => ({ name, value }));
  const others = (pod.spec.initContainers ?? []).filter((container) => container.name !== SIDECAR_CONTAINER);
  const volumes = (pod.spec.volumes ?? []).filter((volume) => volume.name !== SIDECAR_VOLUME);
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata.labels, [LABEL_MESH_SERVICE]: meshService.metadata.name },
      annotations: { ...pod.metadata.annotations, [ANNOTATION_INJECTED]: 'true' },
    },
    spec: {
      ...pod.spec,
      // First in the list: other init containers may already call through the mesh.
      initContainers: [
        sidecar(consulName(meshService), meshService.spec.proxy, settings),
        ...others.map((c) => withEnv(c, env)),
      ],
      containers: withHostPort(pod.spec.containers, hostPort).map((container) => withEnv(container, env)),
      volumes: [...volumes, sidecarVolume(meshService.metadata.name)],
    },
  };
}

/** What the webhook answers: RFC 6902 operations. */
export const injectionPatch = (
  pod: Pod,
  meshService: MeshService,
  settings: SidecarSettings,
  protocolOf: ProtocolOf,
  hostPort?: number,
): Operation[] => createPatch(pod, injected(pod, meshService, settings, protocolOf, hostPort));

/**
 * Said by the first container, not by the sidecar: the kubelet passes on no host ports of init containers, and all
 * containers of a pod share its network.
 */
function withHostPort(containers: Container[], hostPort: number | undefined): Container[] {
  return containers.map((container, index) => {
    const others = container.ports?.filter(({ name }) => name !== HOST_PORT_NAME);
    if (index > 0 || hostPort === undefined) return others === undefined ? container : { ...container, ports: others };
    const ours = { name: HOST_PORT_NAME, containerPort: SIDECAR_PORT, hostPort, protocol: 'TCP' };
    return { ...container, ports: [...(others ?? []), ours] };
  });
}

/** What the container sets itself stays. */
function withEnv(container: Container, env: Variable[]): Container {
  const own = new Set((container.env ?? []).map((variable) => variable.name));
  const added = env.filter((variable) => !own.has(variable.name));
  return added.length === 0 ? container : { ...container, env: [...(container.env ?? []), ...added] };
}
