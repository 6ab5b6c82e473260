import { spawn } from 'node:child_process';

/**
 * `npm test`: every stage, then one line `N passed, N failed`. A stage that cannot run counts as failed, and so does a
 * test that was skipped: a real part that is missing is no excuse. The lab is taken away whatever happened.
 */
interface Stage {
  name: string;
  command: string[];
  /** Mocha prints its own counts; any other command counts as one. */
  mocha?: boolean;
  /** Without this the stages after it cannot run. */
  needed?: boolean;
}

const tsx = ['node', '--import', 'tsx'];
const mocha = (suite: string): Stage => ({
  name: suite,
  command: ['npm', 'run', '--silent', `test:${suite}`, '--', '--reporter', 'spec'],
  mocha: true,
});

const STAGES: Stage[] = [
  { name: 'typecheck', command: ['npm', 'run', '--silent', 'typecheck'] },
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] },
  mocha('unit'),
  { name: 'parts', command: [...tsx, 'lab/main.ts', 'parts'], needed: true },
  mocha('contract'),
  mocha('integration'),
  // A lab that is up already may be of older code.
  { name: 'lab stop', command: [...tsx, 'lab/main.ts', 'stop'], needed: true },
  { name: 'lab start', command: [...tsx, 'lab/main.ts', 'start'], needed: true },
  mocha('e2e'),
];
const STOP: Stage = { name: 'lab stop', command: [...tsx, 'lab/main.ts', 'stop'] };

const totals = { passed: 0, failed: 0 };
const summary: string[] = [];
let child: ReturnType<typeof spawn> | undefined;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true;
    child?.kill(signal);
  });
}

for (const stage of STAGES) {
  const { failed } = await runStage(stage);
  if (interrupted || (failed > 0 && stage.needed)) break;
}
await runStage(STOP);

console.log(`\n${summary.join('\n')}\n`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 && !interrupted ? 0 : 1;

async function runStage(stage: Stage): Promise<{ failed: number }> {
  console.log(`\n=== ${stage.name}`);
  const started = Date.now();
  const { code, output } = await execute(stage.command);
  const { passed, failed } =
    stage.mocha === true ? mochaCounts(output, code) : { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 };
  totals.passed += passed;
  totals.failed += failed;
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  summary.push(`${stage.name.padEnd(12)} ${passed} passed, ${failed} failed in ${seconds} s`);
  return { failed };
}

function execute([command = '', ...args]: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const running = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    child = running;
    let output = '';
    running.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk);
      output = (output + chunk.toString('utf8')).slice(-200_000);
    });
    running.on('error', () => resolve({ code: 127, output }));
    running.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Mocha exits with 0 when tests are skipped; here a skipped test is a failed one. */
function mochaCounts(output: string, code: number): { passed: number; failed: number } {
  const count = (word: string): number => Number(new RegExp(`^\\s+(\\d+) ${word}\\b`, 'm').exec(output)?.[1] ?? 0);
  const passed = count('passing');
  const failed = count('failing') + count('pending');
  const broken = failed === 0 && (code !== 0 || passed === 0);
  return { passed, failed: broken ? 1 : failed };
}
