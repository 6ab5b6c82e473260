import type { Symbolic } from './template/expression.ts';
import { productVersion, releaseName, releaseService } from './values/tree.ts';

export type Component =
  'consul' | 'operator' | 'bridge' | 'bootstrap' | 'test' | 'removal' | 'upgrade' | 'edge' | 'gateway';

/** What finds the pods of a component; a selector is never changed once it is installed. */
export const selectorLabels = (component: Component) => ({
  'app.kubernetes.io/name': 'landbridge',
  'app.kubernetes.io/component': component,
});

type Labels = Record<string, Symbolic<string>>;

/** Of every object: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ */
export const labels = (component?: Component): Labels => ({
  ...(component === undefined ? { 'app.kubernetes.io/name': 'landbridge' } : selectorLabels(component)),
  'app.kubernetes.io/instance': releaseName,
  'app.kubernetes.io/version': productVersion,
  'app.kubernetes.io/part-of': 'landbridge',
  'app.kubernetes.io/managed-by': releaseService,
});

/** Run another program than ours: a new version of Landbridge is no reason to replace them. */
const OTHERS = new Set<Component>(['consul', 'edge', 'gateway']);

/**
 * Of pods. Who manages them is not said here: taken over by Helm, or given another release name, they would all be
 * replaced for a label.
 */
export const podLabels = (component: Component): Labels => ({
  ...selectorLabels(component),
  ...(OTHERS.has(component) ? {} : { 'app.kubernetes.io/version': productVersion }),
  'app.kubernetes.io/part-of': 'landbridge',
});
