import { rmSync } from 'node:fs';
import { copyFile, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBundle } from '../build/build.ts';
import { type Finding, type Measure, verdictOf } from './measure.ts';
import { MEASURES } from './measures/all.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { growthPlot } from './plot.ts';
import { type Failure, asJson, describeMachine } from './report.ts';
import { type Rig, startRig } from './rig/rig.ts';
import { summarise } from './summary.ts';
import { tableOf } from './table.ts';

const names = MEASURES.map(({ name }) => name);
const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Ends every part that was started, the last first. Empty when nothing runs. */
const undo: (() => Promise<void>)[] = [];
async function stopAll(): Promise<void> {
  for (const end of undo.splice(0).reverse())
    await end().catch((error: Error) => say(`could not end: ${error.message}`));
}

/** A rig that is being started: on Ctrl-C its parts are not in `undo` yet. */
let starting: Promise<unknown> = Promise.resolve();
let interrupted = false;

async function main(): Promise<void> {
  let options: Options;
  try {
    options = readOptions(process.argv.slice(2), names);
  } catch (error) {
    say(`${(error as Error).message}\n${USAGE}${names.join(', ')}`);
    process.exitCode = 2;
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'landbridge-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  // A build in the meantime must not put another operator under a measure that starts it again.
  const bundle = join(folder, 'landbridge.mjs');
  await copyFile(options.program ?? (await buildBundle()), bundle);
  const machine = describeMachine();
  const findings: Finding[] = [];
  const failures: Failure[] = [];
  let rig: Rig | undefined;
  try {
    for (const measure of MEASURES.filter(({ name }) => options.only.includes(name))) {
      const started = performance.now();
      try {
        if (measure.apart) await stopAll();
        if (undo.length === 0) rig = await begin(bundle);
        await make(measure, rig!, options, findings);
      } catch (error) {
        if (interrupted) return;
        failures.push({ measure: measure.name, error: (error as Error).message });
        say(`${(error as Error).stack}\n${rig?.operatorLog() ?? ''}`);
        // Nobody knows what it left behind.
        await stopAll();
      }
      say(`${measure.name} took ${Math.round((performance.now() - started) / 1000)} s`);
    }
  } finally {
    await stopAll();
  }
  console.log(`${machine}${options.quick ? '; quick' : ''}\n\n${tableOf(findings)}\n`);
  for (const { measure, parameters, note } of findings) if (note) console.log(`${measure}, ${parameters}: ${note}`);
  for (const { measure, error } of failures) console.log(`${measure} could not be measured: ${error}`);
  await writeFile(options.json, asJson(machine, findings, failures, { scale: options.scale }));
  await writeFile(options.plot, growthPlot(findings, 'Time until Consul tells of it'));
  console.log(`\nevery sample: ${options.json}; growth with the number of pods: ${options.plot}`);
  const short = findings.some((finding) => verdictOf(finding) === 'short');
  process.exitCode = failures.length > 0 || (options.strict && short) ? 1 : 0;
}

function begin(bundle: string): Promise<Rig> {
  const rig = startRig(bundle, undo);
  starting = rig.catch(() => undefined);
  return rig;
}

async function make(measure: Measure, rig: Rig, { scale }: Options, findings: Finding[]): Promise<void> {
  await measure.run(rig, scale, (finding) => {
    findings.push({ measure: measure.name, ...finding });
    const { p50, p99, max } = summarise(finding.samples);
    const verdict = verdictOf(finding);
    say(
      `${measure.name}: ${finding.parameters}: ${[p50, p99, max].map((value) => value.toFixed(2)).join(' ')} ${verdict}`,
    );
  });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted = true;
    void starting.then(stopAll).finally(() => process.exit(130));
  });
}
await main();
