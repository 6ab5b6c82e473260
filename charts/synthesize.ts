import { App, Chart } from 'cdk8s';
import { dump } from 'js-yaml';
import { addHooks } from './helm/hooks.ts';
import { addLandbridge } from './landbridge-chart.ts';
import { constructs } from './template/target.ts';
import { type Release, scopeOf } from './values.ts';
import type { Values } from './values/schema.ts';

export interface SynthesizeOptions {
  /** For whom: labels say it, and Helm makes the namespace of a release itself. Default: for `landbridge install`. */
  release?: Release;
  /** With what only Helm runs: its test and its removal. Default: without. */
  hooks?: boolean;
  /** The chart's. Default: this program's. */
  version?: string;
}

/** The objects of an installation, in the order to apply them. */
export function synthesize(values: Values, { release, hooks = false, version }: SynthesizeOptions = {}): object[] {
  // An App writes nothing unless asked; the folder is never made.
  const chart = new Chart(new App({ outdir: 'dist' }), 'landbridge', { disableResourceNameHashes: true });
  const target = constructs(chart, scopeOf(values, release, version));
  addLandbridge(target);
  if (hooks) addHooks(target);
  return chart.toJson() as object[];
}

/** One YAML document an object. */
export const toYaml = (objects: object[]): string =>
  objects.map((object) => `---\n${dump(object, { lineWidth: 120, noRefs: true })}`).join('');
