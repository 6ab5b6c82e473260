import type { Pod } from '../../crds/kubernetes.ts';
import { type MeshService, consulName } from '../../crds/mesh-service.ts';
import { stopSeconds } from '../../crds/proxy.ts';
import { equal } from '../equal.ts';
import { ANNOTATION_INJECTED, LABEL_MESH_SERVICE } from '../names/names.ts';
import { upstreamVariables } from '../service/upstream-variables.ts';
import { containerOperations } from './containers.ts';
import { leftoverOperations } from './leftover.ts';
import { type Operation, applied, pointer } from './operations.ts';
import { podResourceOperations } from './pod-resources.ts';
import { type SidecarSettings, sidecar, sidecarVolume, volumeBeside } from './sidecar.ts';
import { userBeside } from './user.ts';

/** Looks up the protocol of a service by its Consul name; undefined when no MeshService here says. */
export type ProtocolOf = (service: string) => string | undefined;

/**
 * The answer of the webhook: RFC 6902 operations, at most containers times upstreams and a few more, made in time linear in
 * the pod's size. They only add. Exceptions: the remains of an earlier injection are removed, and the resources of the pod as
 * a whole grow by the sidecar's. The list is empty for a pod that is injected already. `hostPort` of its node leads to the
 * sidecar. `namespace` is where the pod will be, where that is known.
 */
export function injectionPatch(
  pod: Pod,
  meshService: MeshService,
  settings: SidecarSettings,
  protocolOf: ProtocolOf,
  hostPort?: number,
  namespace?: string,
): Operation[] {
  const leftover = leftoverOperations(pod);
  const clean = applied(pod, leftover);
  const operations = [
    ...leftover,
    ...additions(clean, meshService, settings, protocolOf, {
      hostPort,
      namespace: namespace ?? pod.metadata.namespace,
    }),
  ];
  return leftover.length > 0 && equal(applied(pod, operations), pod) ? [] : operations;
}

/** The pod with its sidecar: by the operations that the webhook answers. Injecting twice gives the same pod as once. */
export const injected = (
  pod: Pod,
  meshService: MeshService,
  settings: SidecarSettings,
  protocolOf: ProtocolOf,
  hostPort?: number,
  namespace?: string,
): Pod => applied(pod, injectionPatch(pod, meshService, settings, protocolOf, hostPort, namespace));

interface Place {
  hostPort: number | undefined;
  namespace: string | undefined;
}

/** The operations for a pod without remains of an earlier injection. */
function additions(
  pod: Pod,
  meshService: MeshService,
  settings: SidecarSettings,
  protocolOf: ProtocolOf,
  { hostPort, namespace }: Place,
): Operation[] {
  const { metadata, spec } = pod;
  const { proxy, port } = meshService.spec;
  const variables = upstreamVariables(meshService.spec, protocolOf).map(({ name, value }) => ({ name, value }));
  const volume = volumeBeside(spec.volumes ?? []);
  const holdSeconds =
    settings.sleepHooks === false || port === undefined || standsAlone(pod) ? 0 : stopSeconds(proxy, spec);
  const ours = sidecar(consulName(meshService), proxy, settings, {
    namespace,
    variables,
    holdSeconds,
    user: userBeside(spec),
    volume,
  });
  const init = (spec.initContainers ?? []).length;
  return [
    ...entry(['metadata', 'labels'], metadata.labels, LABEL_MESH_SERVICE, meshService.metadata.name),
    ...entry(['metadata', 'annotations'], metadata.annotations, ANNOTATION_INJECTED, 'true'),
    ...containerOperations('containers', spec.containers, { variables, holdSeconds, hostPort }),
    ...containerOperations('initContainers', spec.initContainers ?? [], { variables, holdSeconds: 0 }),
    ...podResourceOperations(spec.resources, proxy.resources),
    // First in the list: other init containers may already call through the mesh.
    init === 0 ? add(['spec', 'initContainers'], [ours]) : add(['spec', 'initContainers', 0], ours),
    ...item(['spec', 'volumes'], spec.volumes, sidecarVolume(meshService.metadata.name, volume)),
  ];
}

/** No controller replaces the pod. A template has no kind, and stands for pods of a controller. */
const standsAlone = ({ kind, metadata }: Pod): boolean =>
  kind === 'Pod' && !(metadata.ownerReferences ?? []).some(({ controller }) => controller === true);

const add = (steps: (string | number)[], value: unknown): Operation => ({ op: 'add', path: pointer(...steps), value });

/** One more key of a map that need not be there. */
function entry(
  path: string[],
  held: Record<string, string> | null | undefined,
  key: string,
  value: string,
): Operation[] {
  if (held === undefined || held === null) return [add(path, { [key]: value })];
  return held[key] === value ? [] : [add([...path, key], value)];
}

/** One more item at the end of a list that need not be there. */
const item = (path: string[], held: unknown[] | null | undefined, value: unknown): Operation[] =>
  held === undefined || held === null ? [add(path, [value])] : [add([...path, held.length], value)];
