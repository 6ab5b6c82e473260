import { dump } from 'js-yaml';
import { addLandbridge } from '../landbridge-chart.ts';
import { goExpression } from '../template/go-expression.ts';
import { printTemplate } from '../template/print.ts';
import { type Recorded, recorder } from '../template/target.ts';
import { valueRules } from '../values/rules.ts';
import { addHooks } from './hooks.ts';
import { NOTES } from './notes.ts';
import { valuesJsonSchema } from './values-schema.ts';
import { valuesYaml } from './values-yaml.ts';

/** Kubernetes 1.29 has native sidecars switched on. An older cluster cannot run a mesh pod. */
const KUBE_VERSION = '>=1.29.0-0';

/** The files of Helm's chart by their path in it. `version` is the chart's and the program's. */
export function chartFiles(version: string): Record<string, string> {
  const recorded: Recorded[] = [];
  addLandbridge(recorder(recorded));
  addHooks(recorder(recorded));
  return {
    'Chart.yaml': chartYaml(version),
    'values.yaml': valuesYaml(),
    'values.schema.json': `${JSON.stringify(valuesJsonSchema(), null, 2)}\n`,
    '.helmignore': '.git\n*.tgz\n',
    'templates/NOTES.txt': NOTES,
    'templates/rules.yaml': rulesTemplate(),
    ...Object.fromEntries(recorded.map((one) => [`templates/${one.id}.yaml`, printTemplate(one)])),
  };
}

const chartYaml = (version: string): string =>
  dump({
    apiVersion: 'v2',
    name: 'landbridge',
    description: 'One service mesh for Kubernetes pods and off-cluster workloads, on Consul and stock Envoy',
    type: 'application',
    version,
    appVersion: version,
    kubeVersion: KUBE_VERSION,
    keywords: ['service mesh', 'consul', 'envoy', 'hybrid'],
  });

/** Renders to nothing, or stops Helm with every rule that is broken. */
function rulesTemplate(): string {
  const noBlocks = (): never => {
    throw new Error('a rule cannot render a map');
  };
  const lines = valueRules.map(({ key, broken, message }) => {
    const says = `(printf "\\n  ${key}: %s" ${goExpression(message, noBlocks)})`;
    return `{{- if ${goExpression(broken, noBlocks)} }}{{- $problems = print $problems ${says} }}{{- end }}`;
  });
  return [
    '{{- $problems := "" }}',
    ...lines,
    '{{- if $problems }}{{- fail (print "The values cannot be used:" $problems) }}{{- end }}',
    '',
  ].join('\n');
}
