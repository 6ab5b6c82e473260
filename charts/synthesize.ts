import { App } from 'cdk8s';
import { dump } from 'js-yaml';
import { LandbridgeChart } from './landbridge-chart.ts';
import type { Values } from './values.ts';

/** The objects of an installation, in the order to apply them. */
export function synthesize(values: Values): object[] {
  // An App writes nothing unless asked; the folder is never made.
  return new LandbridgeChart(new App({ outdir: 'dist' }), 'landbridge', values).toJson() as object[];
}

/** One YAML document an object. */
export const toYaml = (objects: object[]): string =>
  objects.map((object) => `---\n${dump(object, { lineWidth: 120, noRefs: true })}`).join('');
