import { setTimeout as delay } from 'node:timers/promises';
import { LABEL_INJECT } from '../../mesh/names/names.ts';
import { type Finding, timed } from '../measure.ts';
import { summarise } from '../summary.ts';
import type { BenchPods } from './bench-pods.ts';

/** The bar for the time that a sidecar adds, seconds. */
const READY_BAR = 1.0;
const GONE_BAR = 0.5;

type Times = Record<'ready' | 'gone', number[]>;

/** One pod after the other, with a sidecar and without in turn, so that what else the machine does meets both alike. */
export async function podTimes(bench: BenchPods, count: number): Promise<Finding[]> {
  const plain: Times = { ready: [], gone: [] };
  const meshed: Times = { ready: [], gone: [] };
  // The first pair brings nothing into the figures but the images into the nodes' caches.
  for (let turn = 0; turn <= count; turn++) {
    const pauseMs = pauseOf(turn);
    await life(bench, `bench-plain-${turn}`, { [LABEL_INJECT]: 'false' }, pauseMs, turn === 0 ? undefined : plain);
    await life(bench, `bench-meshed-${turn}`, {}, pauseMs, turn === 0 ? undefined : meshed);
  }
  return [
    finding('create -> Ready, without a sidecar', plain.ready, undefined, '1.05'),
    finding('create -> Ready, with its sidecar', meshed.ready, summarise(plain.ready).p50 + READY_BAR, '4.1'),
    finding('delete -> gone, without a sidecar', plain.gone, undefined, '0.38'),
    finding('delete -> gone, with its sidecar', meshed.gone, summarise(plain.gone).p50 + GONE_BAR, '32.4'),
  ];
}

/**
 * A kubelet looks at its containers once a second, and tells of what it saw. Without a pause each pod would be created, and
 * deleted, right behind such a look; pods of users are not. Spread evenly over the second, however many turns there are.
 */
const pauseOf = (turn: number): number => ((turn * 0.618034) % 1) * 1000;

async function life(
  bench: BenchPods,
  name: string,
  labels: Record<string, string>,
  pauseMs: number,
  into: Times | undefined,
): Promise<void> {
  await delay(pauseMs);
  const ready = await timed(() => bench.create(name, labels));
  await delay(pauseMs);
  const gone = await timed(() => bench.delete(name));
  into?.ready.push(ready / 1000);
  into?.gone.push(gone / 1000);
}

/** The bar is on the median, as plain pods themselves differ by some tenths. */
const finding = (parameters: string, samples: number[], bar: number | undefined, peer: string): Finding => ({
  measure: 'pod-time',
  parameters,
  unit: 's',
  samples,
  ...(bar === undefined ? {} : { bar: { p50: Math.round(bar * 100) / 100 } }),
  peer,
});
