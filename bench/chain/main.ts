import { parseArgs } from 'node:util';
import { eventually } from '../../test/support/eventually.ts';
import { killSamples } from '../../test/support/rigs/sample-process.ts';
import { percentile } from '../../test/support/load/steady-load.ts';
import { describeMachine } from '../report.ts';
import { type Chain, HOPS, connectChain, landbridgeChain, plainChain } from './chains.ts';
import { EXPRESSION, type WrkResult, prepareWrk } from './wrk.ts';

/**
 * `npm run bench:chain [-- --seconds 20]`: the sample's chain without a mesh, with Landbridge's sidecars, and with those of
 * `consul connect envoy`, all up at once on loopback and measured in turns, so that what else the machine does meets all
 * three alike. `--seconds`: of wrk on each, half with one connection (latency), half with eight (throughput). Fails when
 * Landbridge's p50 or p99 is above, or its throughput below, 1.05 of the chain with `consul connect envoy`.
 */
const ROUNDS = 4;
const BAR = 1.05;
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '24' } } });
const seconds = Number(values.seconds);
if (!Number.isInteger(seconds) || seconds < 2 * ROUNDS || seconds > 600)
  throw new Error(`--seconds ${values.seconds}: want a number from ${2 * ROUNDS} to 600`);
const turn = Math.round(seconds / (2 * ROUNDS));

console.log(describeMachine());
const chains: Chain[] = [];
const found = new Map<string, { latency: WrkResult[]; throughput: WrkResult[] }>();
const wrk = await prepareWrk();
try {
  for (const start of [plainChain, landbridgeChain, connectChain]) chains.push(await start());
  for (const { name, url } of chains) {
    await eventually(`the chain with ${name} answers`, 60_000, async () => (await ask(url)).result === 0);
    found.set(name, { latency: [], throughput: [] });
    await wrk.run(url, 8, Math.max(2, turn));
  }
  for (let round = 0; round < ROUNDS; round++) {
    // Each comes first, second and last in turn.
    for (const { name, url } of chains.map((_, n) => chains[(n + round) % chains.length]!)) {
      found.get(name)!.latency.push(await wrk.run(url, 1, turn));
      found.get(name)!.throughput.push(await wrk.run(url, 8, turn));
    }
  }
} finally {
  for (const { stop } of chains) await stop();
  await killSamples();
  await wrk.close();
}
process.exit(report() ? 0 : 1);

async function ask(url: string): Promise<{ result?: number }> {
  const body = JSON.stringify({ expression: EXPRESSION });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/api/v1/compute`, {
    method: 'POST',
    body,
    headers,
    signal: AbortSignal.timeout(2000),
  });
  return (await answer.json()) as { result?: number };
}

interface Figures {
  p50Ms: number;
  p99Ms: number;
  perSecond: number;
  errors: number;
}

/** The middle of the rounds: one that another program disturbed counts for little. */
function figuresOf(name: string): Figures {
  const { latency, throughput } = found.get(name)!;
  const middle = (results: WrkResult[], of: (result: WrkResult) => number): number => percentile(results.map(of), 50);
  return {
    p50Ms: middle(latency, ({ p50Ms }) => p50Ms),
    p99Ms: middle(latency, ({ p99Ms }) => p99Ms),
    perSecond: middle(throughput, ({ perSecond }) => perSecond),
    errors: [...latency, ...throughput].reduce((sum, { errors }) => sum + errors, 0),
  };
}

function report(): boolean {
  const [none, ours, theirs] = chains.map(({ name }) => figuresOf(name)) as [Figures, Figures, Figures];
  for (const [n, { name }] of chains.entries()) {
    const { p50Ms, p99Ms, perSecond, errors } = [none, ours, theirs][n]!;
    console.log(
      `${name}: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ${perSecond.toFixed(0)} requests a second, ${errors} errors`,
    );
  }
  const ratios = {
    p50: ours.p50Ms / theirs.p50Ms,
    p99: ours.p99Ms / theirs.p99Ms,
    'time a request under load': theirs.perSecond / ours.perSecond,
  };
  for (const [what, ratio] of Object.entries(ratios))
    console.log(
      `Landbridge / consul connect envoy, ${what}: ${ratio.toFixed(3)} (bar ${BAR}) ${ratio <= BAR ? 'ok' : 'short'}`,
    );
  for (const [name, { p50Ms, p99Ms, perSecond }] of [
    ['Landbridge', ours],
    ['consul connect envoy', theirs],
  ] as const)
    console.log(
      `${name} adds p50 ${(p50Ms - none.p50Ms).toFixed(2)} ms (x ${(p50Ms / none.p50Ms).toFixed(2)}), p99 ${(p99Ms - none.p99Ms).toFixed(2)} ms, throughput x ${(perSecond / none.perSecond).toFixed(2)}; of ${HOPS} hops each p50 ${((p50Ms - none.p50Ms) / HOPS).toFixed(3)} ms`,
    );
  return ours.errors === 0 && Object.values(ratios).every((ratio) => ratio <= BAR);
}
