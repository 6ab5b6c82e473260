import { readdirSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { MOCHA_DONE, type Result, resultOf } from './mocha-result.ts';
import { inOwnNetwork, networksCanBeMade } from './own-network.ts';
import { runStage } from './run-stage.ts';

/**
 * `lanes.ts TIMEOUT_MS PATH...`: runs the test files at these paths (files, or folders with all below), several at a time. Most
 * of them wait more than they compute. Each file gets a mocha process and a network namespace of its own, so fixed ports of two
 * files do not meet. TEST_LANES: how many at a time (default: one more than there are processors).
 */
const [timeoutMs = '120000', ...paths] = process.argv.slice(2);

/** These take longest, so they start first. The others follow by their names. */
const LONG = ['contract/bridge.test.ts', 'contract/bridge-process.test.ts', 'contract/bridge-fuzz.test.ts'];
/** VMs of the lab have namespaces of their own, and reach this machine's network. */
const OUTSIDE = 'integration/lab/';
const FILE_LIMIT_MS = 900_000;

const namespaces = await networksCanBeMade();
const lanes = namespaces ? Number(process.env['TEST_LANES'] ?? cpus().length + 1) : 1;
if (!namespaces)
  console.log('This user cannot make network namespaces here: one file at a time, on the ports of this machine.');

const rank = (file: string): number => {
  const at = LONG.findIndex((name) => file.endsWith(name));
  return at === -1 ? LONG.length : at;
};
const waiting = paths.flatMap(filesAt).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
const results: (Result & { file: string })[] = [];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());

await Promise.all(Array.from({ length: lanes }, lane));

const sum = (of: (result: Result) => number): number => results.reduce((total, result) => total + of(result), 0);
const failed = sum((result) => result.failed);
console.log(`\n  ${sum(({ passed }) => passed)} passing\n  ${failed} failing\n`);
console.log(results.flatMap(({ file, said }) => (said === undefined ? [] : `${file}:\n${said}`)).join('\n\n'));
process.exit(failed === 0 && !stop.signal.aborted ? 0 : 1);

async function lane(): Promise<void> {
  for (let file = waiting.shift(); file !== undefined && !stop.signal.aborted; file = waiting.shift()) {
    results.push({ file, ...(await runFile(file)) });
  }
}

async function runFile(file: string): Promise<Result> {
  const started = performance.now();
  const mocha = ['node_modules/.bin/mocha', '--reporter', 'spec', '--timeout', timeoutMs, file];
  const isInside = namespaces && !file.includes(OUTSIDE);
  const command = isInside ? inOwnNetwork(mocha) : mocha;
  const running = runStage(command, { limitMs: FILE_LIMIT_MS, done: MOCHA_DONE, quiet: true });
  const abort = (): void => running.stop();
  stop.signal.addEventListener('abort', abort);
  const { code, output } = await running.ended;
  stop.signal.removeEventListener('abort', abort);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`\n--- ${file}, ${seconds} s${output.trimEnd()}`);
  return resultOf(output, code);
}

function filesAt(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  const below = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return below.filter((name) => name.endsWith('.test.ts')).map((name) => `${path}/${name}`);
}
