import type { Symbolic } from './template/expression.ts';
import { productVersion, releaseName, releaseService } from './values/tree.ts';

export type Component =
  'consul' | 'operator' | 'bridge' | 'bootstrap' | 'test' | 'removal' | 'upgrade' | 'edge' | 'gateway';

/** The labels that select the pods of a component. Kubernetes lets nobody change a selector after installation. */
export const selectorLabels = (component: Component) => ({
  'app.kubernetes.io/name': 'landbridge',
  'app.kubernetes.io/component': component,
});

type Labels = Record<string, Symbolic<string>>;

/** The labels of every object: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ */
export const labels = (component?: Component): Labels => ({
  ...(component === undefined ? { 'app.kubernetes.io/name': 'landbridge' } : selectorLabels(component)),
  'app.kubernetes.io/instance': releaseName,
  'app.kubernetes.io/version': productVersion,
  'app.kubernetes.io/part-of': 'landbridge',
  'app.kubernetes.io/managed-by': releaseService,
});

/** These run another program than ours, so a new version of Landbridge does not replace them. */
const OTHERS = new Set<Component>(['consul', 'edge', 'gateway']);

/**
 * The labels of pods. They do not name the manager: a takeover by Helm, or another release name, would replace every pod for a label.
 */
export const podLabels = (component: Component): Labels => ({
  ...selectorLabels(component),
  ...(OTHERS.has(component) ? {} : { 'app.kubernetes.io/version': productVersion }),
  'app.kubernetes.io/part-of': 'landbridge',
});
