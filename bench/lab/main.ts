import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { connectKube } from '../../clients/kube/client.ts';
import { runningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { type Finding, verdictOf } from '../measure.ts';
import { type Failure, asJson, describeMachine } from '../report.ts';
import { tableOf } from '../table.ts';
import { withBenchPods } from './bench-pods.ts';
import { lookAtPods } from './pod-sight.ts';
import { podTimes } from './pod-time.ts';
import { sidecarMemory } from './sidecar-memory.ts';

/** `npm run bench:lab [-- --pods 5 --json FILE --strict]`: measures the cost of a sidecar for a pod, on the kubelets of the lab that is up. */
const { values } = parseArgs({
  options: {
    pods: { type: 'string', default: '5' },
    json: { type: 'string' },
    strict: { type: 'boolean', default: false },
  },
});
const count = Number(values.pods);
if (!Number.isInteger(count) || count < 1) throw new Error(`--pods ${values.pods}: want a number of pods, such as 5`);

const machine = describeMachine();
const client = connectKube({ kubeconfig: (await runningLab()).cluster.kubeconfig });
const sight = lookAtPods(client, SAMPLE_NAMESPACE);
const findings: Finding[] = [];
const failures: Failure[] = [];
const make = async (measure: string, task: () => Promise<Finding[]>): Promise<void> => {
  try {
    findings.push(...(await task()));
  } catch (error) {
    failures.push({ measure, error: (error as Error).message });
  }
};
try {
  await sight.synced();
  await withBenchPods(client, sight, async (bench) => {
    await make('pod-time', () => podTimes(bench, count));
    await make('sidecar-memory', () => sidecarMemory(bench, count));
  });
} finally {
  sight.close();
}
console.log(`${machine}\n\n${tableOf(findings)}\n`);
for (const { measure, error } of failures) console.log(`${measure} could not be measured: ${error}`);
if (values.json !== undefined) await writeFile(values.json, asJson(machine, findings, failures));
const short = findings.some((finding) => verdictOf(finding) === 'short');
process.exit(failures.length > 0 || (values.strict && short) ? 1 : 0);
