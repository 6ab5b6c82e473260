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
  /** Mocha prints its own counts; any other command counts as one. */
  mocha?: boolean;
  /** Without this the stages after it cannot run. */
  needed?: boolean;
}

const tsx = ['node', '--import', 'tsx'];
const mocha = (suite: string, limitMinutes: number): Stage => ({
  name: suite,
  command: ['npm', 'run', '--silent', `test:${suite}`, '--', '--reporter', 'spec'],
  limitMinutes,
  mocha: true,
});
const lab = (command: string, limitMinutes: number): Stage => ({
  name: command === 'parts' ? command : `lab ${command}`,
  command: [...tsx, 'lab/main.ts', command],
  limitMinutes,
  needed: true,
});

const STAGES: Stage[] = [
  { name: 'typecheck', command: ['npm', 'run', '--silent', 'typecheck'], limitMinutes: 5 },
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint'], limitMinutes: 5 },
  mocha('unit', 5),
  // From an empty cache: 51 minutes on two busy cores (docs/measured.md).
  lab('parts', 60),
  mocha('contract', 20),
  mocha('integration', 25),
  // A lab that is up already may be of older code.
  lab('stop', 5),
  lab('start', 15),
  mocha('e2e', 25),
  // Takes the installation away, so nothing comes after it.
  mocha('uninstall', 5),
];

const totals = { passed: 0, failed: 0 };
const summary: string[] = [];
/** What mocha said of failures, said again at the end, where it is found. */
const failures: string[] = [];
let running: Running | undefined;
let interrupted = false;
let takingAway = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Nothing stops the taking away.
    if (!interrupted && !takingAway) running?.stop();
    interrupted = true;
  });
}

for (const stage of STAGES) {
  const failed = await count(stage);
  if (interrupted || (failed > 0 && stage.needed)) break;
}
takingAway = true;
await count(lab('stop', 5));

if (failures.length > 0) console.log(`\n${failures.join('\n\n')}`);
console.log(`\n${summary.join('\n')}\n`);
console.log(`${totals.passed} passed, ${totals.failed} failed${interrupted ? ', interrupted' : ''}`);
process.exit(totals.failed === 0 && !interrupted ? 0 : 1);

/** Runs a stage, adds to the totals, and gives how many failed. */
async function count(stage: Stage): Promise<number> {
  console.log(`\n=== ${stage.name}`);
  const started = performance.now();
  const done = stage.mocha === true ? /^ {2}\d+ passing/m : undefined;
  running = runStage(stage.command, { limitMs: stage.limitMinutes * 60_000, done });
  const { code, output } = await running.ended;
  const { passed, failed } =
    stage.mocha === true ? mochaCounts(output, code) : { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 };
  if (failed > 0)
    failures.push(`${stage.name}: ${/^ {2}\d+ failing$[^]*/m.exec(output)?.[0].trim() ?? `ended with ${code}`}`);
  totals.passed += passed;
  totals.failed += failed;
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  summary.push(`${stage.name.padEnd(12)} ${passed} passed, ${failed} failed in ${seconds} s`);
  return failed;
}

/** Mocha exits with 0 when tests are skipped; here a skipped test is a failed one. */
function mochaCounts(output: string, code: number): { passed: number; failed: number } {
  const count = (word: string): number =>
    Number([...output.matchAll(new RegExp(`^ {2}(\\d+) ${word}\\b`, 'gm'))].at(-1)?.[1] ?? 0);
  const passed = count('passing');
  const failed = count('failing') + count('pending');
  const broken = failed === 0 && (code !== 0 || passed === 0);
  return { passed, failed: broken ? 1 : failed };
}
