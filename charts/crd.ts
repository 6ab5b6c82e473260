import type { meshServiceCrd } from '../crds/custom-resource-definition.ts';
import { labels } from './labels.ts';
import { ifGiven, when } from './template/expression.ts';
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

/** The MeshService's, with the sidecar's defaults of these values. */
export function withSidecarDefaults<C extends ReturnType<typeof meshServiceCrd>>(crd: C): C {
  const copy = structuredClone(crd);
  const schema = copy.spec.versions[0]!.schema.openAPIV3Schema.properties.spec as unknown as MeshServiceSchema;
  const { concurrency, resources } = schema.properties.proxy.properties;
  const { sidecar } = values;
  concurrency.default = sidecar.concurrency;
  for (const which of ['requests', 'limits'] as const) {
    const { cpu, memory } = sidecar.resources[which];
    resources.properties[which].default = { cpu: ifGiven(cpu), memory: ifGiven(memory) };
  }
  return copy;
}

interface Defaulted {
  default: unknown;
}
interface MeshServiceSchema {
  properties: {
    proxy: {
      properties: { concurrency: Defaulted; resources: { properties: Record<'requests' | 'limits', Defaulted> } };
    };
  };
}

const keep = { 'helm.sh/resource-policy': 'keep' };
