import { App, Chart } from 'cdk8s';
import { dump } from 'js-yaml';
import { addHooks } from './helm/hooks.ts';
import { addLandbridge } from './landbridge-chart.ts';
import { constructs } from './template/target.ts';
import { scopeOf } from './values.ts';
import type { Values } from './values/schema.ts';

export interface SynthesizeOptions {
  /** The namespace of a Helm release; objects do not depend on it but for the namespace itself. Default: `default`. */
  releaseNamespace?: string;
  /** With what only Helm runs: its test and its removal. Default: without. */
  hooks?: boolean;
}

/** The objects of an installation, in the order to apply them. */
export function synthesize(values: Values, { releaseNamespace, hooks = false }: SynthesizeOptions = {}): object[] {
  // An App writes nothing unless asked; the folder is never made.
  const chart = new Chart(new App({ outdir: 'dist' }), 'landbridge', { disableResourceNameHashes: true });
  const target = constructs(chart, scopeOf(values, releaseNamespace));
  addLandbridge(target);
  if (hooks) addHooks(target);
  return chart.toJson() as object[];
}

/** One YAML document an object. */
export const toYaml = (objects: object[]): string =>
  objects.map((object) => `---\n${dump(object, { lineWidth: 120, noRefs: true })}`).join('');
