import type { LabelSelector } from '../crds/kubernetes.ts';
import { REASONS, type Reason } from '../crds/reasons.ts';
import type { Intent } from './desired.ts';
import { selectorQuery } from './selector.ts';

/** Names the selector and the sites that have no instance, so that a slip in a label or a site can be seen. */
export function noInstance({ meshService, namespace, overlap }: Intent): string {
  const { pods, external } = meshService?.spec.workloads ?? {};
  const none = (selector: LabelSelector): string => `no pod of namespace ${namespace} has ${selectorQuery(selector)}`;
  const looked = [
    // Of a rival's pods it has none, though their labels are the right ones.
    pods && (overlap?.yields ? overlap.message : none(pods.selector)),
    external && `no machine of ${external.sites.join(', ')} has joined`,
  ].filter((each) => each !== undefined);
  return `${REASONS.NoInstances.replace(/\.$/, ':')} ${looked.join(', and ')}.`;
}

/** The reason's sentence, and the trouble of the first pod by name that has one. */
export function notReady({ pods }: Intent, reason: Reason): string | undefined {
  const [first] = pods
    .filter(({ trouble, terminating, finished }) => trouble !== undefined && !terminating && !finished)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return first && `${REASONS[reason]} Pod ${first.name} does not start: ${first.trouble}.`;
}
