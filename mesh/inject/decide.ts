import type { Pod } from '../../crds/kubernetes.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import { ANNOTATION_INJECTED, LABEL_INJECT } from '../names.ts';
import { selects } from '../selector.ts';

/** Why a pod gets no sidecar: a closed set, each with the sentence people get. */
export const SKIP_REASONS = {
  OptedOut: 'the pod is labelled landbridge.dev/inject=false',
  AlreadyInjected: 'the pod has its sidecar already',
  NotSelected: 'no MeshService of the namespace selects the pod',
  HostNetwork: 'the pod uses the host network, where its sidecar would take the ports of the whole node',
} as const;

export type SkipReason = keyof typeof SKIP_REASONS;

export type Decision =
  { do: 'inject'; meshService: MeshService } | { do: 'skip'; reason: SkipReason } | { do: 'refuse'; message: string };

/** Whether a pod gets a sidecar, and for which MeshService. `meshServices` are those of the pod's namespace. */
export function decide(pod: Pod, meshServices: MeshService[]): Decision {
  const labels = pod.metadata.labels ?? {};
  if (labels[LABEL_INJECT] === 'false') return skip('OptedOut');
  if (pod.metadata.annotations?.[ANNOTATION_INJECTED] === 'true' && hasSidecar(pod)) return skip('AlreadyInjected');
  const selecting = meshServices.filter((meshService) => {
    const pods = meshService.spec.workloads.pods;
    return pods !== undefined && meshService.metadata.deletionTimestamp === undefined && selects(pods.selector, labels);
  });
  const [first, second] = selecting.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  if (first === undefined) return skip('NotSelected');
  if (second !== undefined) {
    return {
      do: 'refuse',
      message: `two MeshServices select this pod, ${first.metadata.name} and ${second.metadata.name}: narrow the selector of one of them, or label the pod landbridge.dev/inject=false`,
    };
  }
  if (pod.spec.hostNetwork === true) return skip('HostNetwork');
  return { do: 'inject', meshService: first };
}

export const SIDECAR_CONTAINER = 'landbridge-sidecar';

const hasSidecar = (pod: Pod): boolean =>
  (pod.spec.initContainers ?? []).some((container) => container.name === SIDECAR_CONTAINER);

const skip = (reason: SkipReason): Decision => ({ do: 'skip', reason });
