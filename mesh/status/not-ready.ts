import type { LabelSelector } from '../../crds/kubernetes.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import { REASONS, type Reason } from '../../crds/reasons.ts';
import type { Intent } from '../service/desired.ts';
import type { PodFacts } from '../service/pod.ts';
import { selectorQuery, selects } from '../service/selector.ts';

/** Whether instances of it may be called. `vm join` gives the port of a machine, so spec.port tells of pods alone. */
export const isCalled = (meshService: MeshService | undefined): boolean =>
  meshService?.spec.port !== undefined || meshService?.spec.workloads.external !== undefined;

/** Whether a pod is one that the selector matches now: its label or the selector may have changed since it was made. */
export const isSelected = ({ meshService }: Intent, { labels }: PodFacts): boolean => {
  const { pods } = meshService?.spec.workloads ?? {};
  return pods !== undefined && selects(pods.selector, labels);
};

/** Whether one without any instance is not ready. Nobody calls a workload without a port, so a Job that has finished is well. */
export const waitsForInstance = (intent: Intent, nobodyMakesPods: boolean): boolean =>
  isCalled(intent.meshService) || (nobodyMakesPods && !intent.pods.some((pod) => isSelected(intent, pod)));

/** Names the selector and the sites that have no instance, so that a slip in a label or a site can be seen. */
export function noInstance(intent: Intent, nobodyMakesPods: boolean): string {
  const { meshService, namespace, overlap, pods: found } = intent;
  const { pods, external } = meshService?.spec.workloads ?? {};
  const finished = found.filter((pod) => pod.finished && isSelected(intent, pod)).length;
  const none = (selector: LabelSelector): string =>
    finished > 0
      ? `each pod of namespace ${namespace} with ${selectorQuery(selector)} has finished (${finished})`
      : `no pod of namespace ${namespace} has ${selectorQuery(selector)}`;
  const looked = [
    // The labels of a rival's pods are right, and still this MeshService has none of them.
    pods && (overlap?.yields ? overlap.message : none(pods.selector)),
    external && `no machine of ${external.sites.join(', ')} has joined`,
  ].filter((each) => each !== undefined);
  const uncalled = waitsForInstance(intent, nobodyMakesPods)
    ? nobodyMakesPods
      ? ` ${MADE_BY_NOBODY}`
      : ''
    : ' It has no spec.port, so nobody calls it and it is ready without one.';
  return `${REASONS.NoInstances.replace(/\.$/, ':')} ${looked.join(', and ')}.${uncalled}`;
}

const MADE_BY_NOBODY =
  'No Deployment, StatefulSet, DaemonSet, CronJob or unfinished Job there makes one either: compare spec.workloads.pods.selector with the labels of its pod template.';

/** The reason's sentence, and the trouble of the first pod by name that has one. Where no pod has any, the first that is not ready. */
export function notReady({ pods, namespace }: Intent, reason: Reason): string {
  const live = pods
    .filter(({ ready, terminating, finished }) => !ready && !terminating && !finished)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const first = live.find(({ trouble }) => trouble !== undefined);
  if (first !== undefined) return `${REASONS[reason]} Pod ${first.name} does not start: ${first.trouble}.`;
  const [waiting] = live;
  // During a rollout some pod is always on its way.
  if (reason !== 'NoReadyInstances' || waiting === undefined) return REASONS[reason];
  return `${REASONS[reason]} Pod ${waiting.name} is not ready: ${waiting.notReadyBecause}. A probe goes to the pod's address, so it fails where the app listens on 127.0.0.1 alone or on another port: kubectl -n ${namespace} describe pod ${waiting.name}`;
}
