import { MOCHA_DONE, type Result, resultOf } from './mocha-result.ts';
import { type Running, runStage } from './run-stage.ts';

/**
 * `npm test`: every stage, then one line `N passed, N failed`. A stage that cannot run or does not end in its time counts
 * as failed, and so does a test that was skipped: a real part that is missing is no excuse. The lab is taken away whatever
 * happened, also on SIGINT and SIGTERM.
 */
interface Stage {
  name: string;
  command: string[];
  /** After this it is stopped and counts as failed. */
  limitMinutes: number;
  /** The printer of counts: one mocha, or lanes.ts with several. Default: the command counts as one. */
  counts?: 'mocha' | 'lanes';
  /** Without this the stages after it cannot run. */
  needed?: boolean;
}

const tsx = ['node', '--import', 'tsx'];
const mocha = (suite: string, limitMinutes: number): Stage => ({
  name: suite,
  command: ['npm', 'run', '--silent', `test:${suite}`, '--', '--reporter', 'spec'],
  limitMinutes,
  counts: 'mocha',
});
const lanes = (suite: string, limitMinutes: number): Stage => ({
  name: suite,
  command: ['npm', 'run', '--silent', `test:${suite}`],
  limitMinutes,
  counts: 'lanes',
});
const lab = (command: string, limitMinutes: number): Stage => ({
  name: command === 'parts' ? command : `lab ${command}`,
  command: [...tsx, 'lab/main.ts', command, ...(command === 'parts' ? ['--for-tests'] : [])],
  limitMinutes,
  needed: true,
});

/** The stages of a row run beside each other. */
const ROWS: Stage[][] = [
  [
    { name: 'typecheck', command: ['npm', 'run', '--silent', 'typecheck'], limitMinutes: 5 },
    { name: 'lint', command: ['npm', 'run', '--silent', 'lint'], limitMinutes: 5 },
    mocha('unit', 5),
  ],
  // From an empty cache: 51 minutes on two busy cores (docs/measured.md).
  [lab('parts', 60)],
  // Tests in lanes have no network, so all that comes from registries has to be here before.
  [{ name: 'sample', command: [...tsx, 'test/fetch.ts'], limitMinutes: 10, needed: true }],
  [lanes('lanes', 40)],
  // A lab that is up already may be of older code.
  [lab('stop', 5)],
  [lab('start', 15)],
  [mocha('e2e', 25)],
  // Takes the installation away, so nothing comes after it.
  [mocha('uninstall', 5)],
];

const totals = { passed: 0, failed: 0 };
const summary: string[] = [];
/** The words of mocha about failures. They are printed again at the end, where people look. */
const failures: string[] = [];
let running: Running[] = [];
let interrupted = false;
let takingAway = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Nothing stops the taking away.
    if (!interrupted && !takingAway) for (const one of running) one.stop();
    interrupted = true;
  });
}

for (const row of ROWS) {
  const failed = await Promise.all(row.map((stage) => count(stage, row.length > 1)));
  if (interrupted || row.some(({ needed }, at) => needed && failed[at]! > 0)) break;
}
takingAway = true;
await count(lab('stop', 5));

if (failures.length > 0) console.log(`\n${failures.join('\n\n')}`);
console.log(`\n${summary.join('\n')}\n`);
console.log(`${totals.passed} passed, ${totals.failed} failed${interrupted ? ', interrupted' : ''}`);
process.exit(totals.failed === 0 && !interrupted ? 0 : 1);

/** Runs a stage, adds to the totals, and gives how many failed. The output of one that is `beside` others is shown at its end. */
async function count(stage: Stage, beside = false): Promise<number> {
  if (!beside) console.log(`\n=== ${stage.name}`);
  const started = performance.now();
  const done = stage.counts === 'mocha' ? MOCHA_DONE : undefined;
  const run = runStage(stage.command, { limitMs: stage.limitMinutes * 60_000, done, quiet: beside });
  running.push(run);
  const { code, output } = await run.ended;
  running = running.filter((one) => one !== run);
  if (beside) console.log(`\n=== ${stage.name}\n${output}`);
  const { passed, failed, said } = stage.counts !== undefined ? resultOf(output, code) : exitOf(code);
  if (said !== undefined) failures.push(`${stage.name}:\n${said}`);
  totals.passed += passed;
  totals.failed += failed;
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  summary.push(`${stage.name.padEnd(12)} ${passed} passed, ${failed} failed in ${seconds} s`);
  return failed;
}

function exitOf(code: number): Result {
  return code === 0 ? { passed: 1, failed: 0, said: undefined } : { passed: 0, failed: 1, said: `ended with ${code}` };
}
