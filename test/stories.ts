import { randomInt } from 'node:crypto';
import { type Result, MOCHA_DONE, resultOf } from './mocha-result.ts';
import { inOwnNetwork, networksCanBeMade } from './own-network.ts';
import { runStage } from './run-stage.ts';

/**
 * Tells many stories of an operator (test/integration/operator/operator-story.test.ts). A story waits more than it computes, so there
 * are lanes. Each has its own servers, network and seed. STORY_RUNS: how many stories in all (default 200). STORY_LANES: how
 * many lanes (default 2). STORY_SEED: the seed of the first lane; the others count on from there (default: random).
 */
const FILE = 'test/integration/operator/operator-story.test.ts';
/** One story, and the other tests of the file. */
const STORY_MS = 85_000;
const REST_MS = 600_000;

const runs = Number(process.env['STORY_RUNS'] ?? 200);
const wanted = Number(process.env['STORY_LANES'] ?? 2);
const seed = Number(process.env['STORY_SEED'] ?? randomInt(2 ** 31 - wanted));
const isApart = await networksCanBeMade();
const lanes = isApart ? Math.min(wanted, runs) : 1;
if (!isApart) console.log('This user cannot make network namespaces here: one lane, on the ports of this machine.');

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());

const results = await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)));
const sum = (of: (result: Result) => number): number => results.reduce((total, result) => total + of(result), 0);
console.log(`\n  ${sum(({ passed }) => passed)} passing\n  ${sum(({ failed }) => failed)} failing\n`);
process.exit(results.every(({ failed }) => failed === 0) && !stop.signal.aborted ? 0 : 1);

async function lane(index: number): Promise<Result> {
  const share = Math.floor(runs / lanes) + (index < runs % lanes ? 1 : 0);
  const mocha = ['node_modules/.bin/mocha', '--reporter', 'spec', FILE];
  const told = ['env', `STORY_RUNS=${share}`, `STORY_SEED=${seed + index}`, ...mocha];
  const limitMs = share * STORY_MS + REST_MS;
  const running = runStage(isApart ? inOwnNetwork(told) : told, { limitMs, done: MOCHA_DONE });
  const abort = (): void => running.stop();
  stop.signal.addEventListener('abort', abort);
  const { code, output } = await running.ended;
  stop.signal.removeEventListener('abort', abort);
  return resultOf(output, code);
}
