import type { Pod } from '../../crds/kubernetes.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import { ANNOTATION_INJECTED, LABEL_INJECT, LABEL_MESH_SERVICE, SIDECAR_CONTAINER } from '../names/names.ts';
import { olderFirst } from '../service/overlap.ts';
import { selects } from '../service/selector.ts';
import { type Mark, markOf } from './leftover.ts';
import { runsOnWindows } from './operating-system.ts';
import { reservedPortTaken, upstreamPortsTaken } from './ports.ts';

/** The kubelet marks the pod that it shows for a static pod, https://kubernetes.io/docs/reference/labels-annotations-taints/ */
const MIRROR = 'kubernetes.io/config.mirror';

/** Why a pod gets no sidecar: a closed set, each with the sentence people get. */
export const SKIP_REASONS = {
  OptedOut: 'the pod is labelled landbridge.dev/inject=false',
  AlreadyInjected: 'the pod has its sidecar already',
  NotSelected: 'no MeshService of the namespace selects the pod',
  HostNetwork: 'the pod uses the host network, where its sidecar would take the ports of the whole node',
  StaticPod: 'the pod mirrors a static pod of a node, which can have no Secret',
  Windows: 'the pod runs on Windows, and there is no sidecar for Windows',
} as const;

export type SkipReason = keyof typeof SKIP_REASONS;

export type Decision =
  /** `others` select the pod too and are younger. */
  | { do: 'inject'; meshService: MeshService; others?: MeshService[]; warnings?: string[] }
  /** A copy of an injected pod brings a sidecar that nobody here asks for. */
  | { do: 'strip'; message: string }
  | { do: 'skip'; reason: SkipReason }
  | { do: 'refuse'; message: string };

/**
 * Whether a pod gets a sidecar, and for which MeshService. `meshServices` are those of the pod's namespace; of several that
 * select it the oldest has it, so that a new one stops no pods that run. `namespace` is where the pod will be, where known.
 */
export function decide(pod: Pod, meshServices: MeshService[], namespace = pod.metadata.namespace): Decision {
  const labels = pod.metadata.labels ?? {};
  if (labels[LABEL_INJECT] === 'false') return skip('OptedOut');
  const [first, ...others] = meshServices
    .filter(({ spec, metadata }) => {
      const { pods } = spec.workloads;
      return pods !== undefined && metadata.deletionTimestamp === undefined && selects(pods.selector, labels);
    })
    .sort(olderFirst);
  const mark = markOf(pod);
  if (mark !== undefined && isFor(pod, mark, first, namespace)) return skip('AlreadyInjected');
  if (first === undefined) {
    return mark === undefined ? skip('NotSelected') : { do: 'strip', message: leftBehind(mark) };
  }
  if (pod.metadata.annotations?.[MIRROR] !== undefined) return skip('StaticPod');
  if (pod.spec.hostNetwork === true) return skip('HostNetwork');
  if (runsOnWindows(pod.spec)) return skip('Windows');
  const problem = tooMany(pod) ?? sidecarNameTaken(pod) ?? reservedPortTaken(pod.spec);
  if (problem !== undefined) return { do: 'refuse', message: problem };
  const warnings = upstreamPortsTaken(pod.spec, first);
  return {
    do: 'inject',
    meshService: first,
    ...(others.length === 0 ? {} : { others }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

/**
 * Whether the sidecar that a pod brings is one for here: the pod was admitted before, or `landbridge inject` wrote it, maybe
 * before its MeshService is there. A copy in another namespace has the marks of the first, and `kubectl debug --copy-to`
 * takes labels and annotations away.
 */
function isFor({ metadata }: Pod, mark: Mark, meshService: MeshService | undefined, namespace?: string): boolean {
  const marked =
    metadata.annotations?.[ANNOTATION_INJECTED] === 'true' ? metadata.labels?.[LABEL_MESH_SERVICE] : undefined;
  if (!mark.whole || marked === undefined || marked !== mark.meshService) return false;
  const here = mark.namespace === undefined || namespace === undefined || mark.namespace === namespace;
  return here && (meshService === undefined || meshService.metadata.name === marked);
}

/** Each container gets the variables of up to 64 upstreams. */
const MAX_CONTAINERS = 500;

function tooMany({ spec: { containers, initContainers } }: Pod): string | undefined {
  const count = containers.length + (initContainers ?? []).length;
  if (count <= MAX_CONTAINERS) return undefined;
  return `the pod has ${count} containers, and Landbridge injects pods of ${MAX_CONTAINERS} at most: split the pod, or label it landbridge.dev/inject=false`;
}

/** An init container of that name is the sidecar of a copy, and is replaced. */
const sidecarNameTaken = ({ spec: { containers } }: Pod): string | undefined =>
  containers.some(({ name }) => name === SIDECAR_CONTAINER)
    ? `container "${SIDECAR_CONTAINER}" has the name of the sidecar: give it another, or label the pod landbridge.dev/inject=false`
    : undefined;

const leftBehind = ({ meshService, namespace }: Mark): string => {
  const whose =
    meshService === undefined ? '' : ` of MeshService ${namespace === undefined ? '' : `${namespace}/`}${meshService}`;
  return `this pod is a copy: the sidecar${whose} that it brought was taken out, as no MeshService here selects it; give the copy the labels that one selects to have a sidecar`;
};

const skip = (reason: SkipReason): Decision => ({ do: 'skip', reason });
