import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../test/support/eventually.ts';
import type { Measure } from '../measure.ts';
import type { OperatorProcess } from '../../test/support/rigs/operator-process.ts';
import { cpuSeconds, residentBytes } from '../rig/process-stat.ts';

const MB = 1024 * 1024;
const FIRST_WALKS_MS = 300_000;

/** The cost of an operator that has one large MeshService and nothing to do. */
export const idle: Measure = {
  name: 'idle',
  apart: true,
  async run(rig, { size, idleMs, verifySeconds }, found) {
    await rig.operator(verifySeconds);
    await rig.population(size);
    const operator = await rig.operator(verifySeconds, 'anew');
    await firstWalksOf(operator, 1);
    // The start leaves work behind, such as garbage to collect, which an idle operator does not have.
    await delay(idleMs / 4);
    const { percent, residentMb } = await idleFor(operator, 2 * idleMs);
    const at = `1 MeshService of ${size} pods`;
    found({ parameters: `idle, ${at}`, unit: '% of a core', samples: [percent], bar: { max: 0.3 } });
    found({ parameters: `resident, ${at}`, unit: 'MB', samples: residentMb });
  },
};

/** Resolves when each MeshService was walked once. */
export const firstWalksOf = (operator: OperatorProcess, meshServices: number): Promise<true> =>
  eventually('the first walks are over', FIRST_WALKS_MS, async () => {
    const walks = await operator.metric('controller_runtime_reconcile_total');
    return walks >= meshServices && (await operator.metric('workqueue_depth')) <= 1 ? true : undefined;
  });

/** Samples the memory each second while nothing is asked of the operator. */
export async function idleFor({ pid, metric }: OperatorProcess, forMs: number) {
  const before = await cpuSeconds(pid);
  const started = performance.now();
  const residentMb: number[] = [];
  while (performance.now() - started < forMs) {
    await delay(1000);
    residentMb.push((await residentBytes(pid)) / MB);
  }
  const seconds = (performance.now() - started) / 1000;
  const percent = (((await cpuSeconds(pid)) - before) / seconds) * 100;
  return { residentMb, percent, heapMb: (await metric('nodejs_heap_size_used_bytes')) / MB };
}
