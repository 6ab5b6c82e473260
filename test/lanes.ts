import { readdirSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { MOCHA_DONE, type Result, resultOf } from './mocha-result.ts';
import { inOwnNetwork, networksCanBeMade } from './own-network.ts';
import { runStage } from './run-stage.ts';

/**
 * `lanes.ts [TIMEOUT_MS PATH...]...`: runs the test files at these paths (files, or folders with all below), several at a time,
 * each with the timeout before its path. Most of them wait more than they compute. Each file gets a mocha process and a network
 * namespace of its own, so fixed ports of two files do not meet. TEST_LANES: how many at a time (default: three more than
 * there are processors).
 */
interface Waiting {
  file: string;
  timeoutMs: string;
  /** Files of all paths take turns, so that the waiting ones and the computing ones are mixed. */
  turn: number;
}

/** These take longest, so they start first. The others follow by their names. */
const LONG = [
  'contract/bridge/bridge.test.ts',
  'contract/bridge/bridge-process.test.ts',
  'contract/bridge/bridge-fuzz.test.ts',
];
/** VMs of the lab have namespaces of their own, and reach this machine's network. */
const OUTSIDE = 'integration/lab/';
const FILE_LIMIT_MS = 900_000;

const namespaces = await networksCanBeMade();
const lanes = namespaces ? Number(process.env['TEST_LANES'] ?? cpus().length + 3) : 1;
if (!namespaces)
  console.log('This user cannot make network namespaces here: one file at a time, on the ports of this machine.');

const rank = (file: string): number => {
  const at = LONG.findIndex((name) => file.endsWith(name));
  return at === -1 ? LONG.length : at;
};
const waiting = waitingFor(process.argv.slice(2)).sort((a, b) => rank(a.file) - rank(b.file) || a.turn - b.turn);
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
  for (let next = waiting.shift(); next !== undefined && !stop.signal.aborted; next = waiting.shift()) {
    results.push({ file: next.file, ...(await runFile(next)) });
  }
}

async function runFile({ file, timeoutMs }: Waiting): Promise<Result> {
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

function waitingFor(args: readonly string[]): Waiting[] {
  let timeoutMs = '120000';
  return args.flatMap((arg) => {
    if (/^\d+$/.test(arg)) {
      timeoutMs = arg;
      return [];
    }
    const files = filesAt(arg).sort();
    return files.map((file, at) => ({ file, timeoutMs, turn: at / files.length }));
  });
}

function filesAt(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  const below = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return below.filter((name) => name.endsWith('.test.ts')).map((name) => `${path}/${name}`);
}
