import { labels } from './labels.ts';
import { when } from './template/expression.ts';
import type { ObjectProps, Target } from './template/target.ts';
import { values } from './values/tree.ts';

/**
 * A CRD among the templates, so that Helm upgrades it, as it does not upgrade what lies in a chart's crds/. With it go
 * all objects of its kind: Helm leaves it unless told otherwise.
 */
export function addCrd(target: Target, id: string, crd: ObjectProps): void {
  target.addObject(id, {
    ...crd,
    metadata: { ...crd.metadata, labels: labels(), annotations: when(values.crds.keep, keep) },
  });
}

const keep = { 'helm.sh/resource-policy': 'keep' };
