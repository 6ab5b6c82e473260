import type { Measure } from '../measure.ts';
import { podName } from '../rig/pods.ts';
import { allPassing, NEVER_VERIFY_SECONDS, type Rig } from '../rig/rig.ts';
import { sizesOf } from '../scale.ts';

/** From sending the deletion of a pod until Consul has no such instance. */
export const deletionTime: Measure = {
  name: 'deletion-time',
  async run(rig, scale, found) {
    await rig.operator(NEVER_VERIFY_SECONDS);
    for (const size of sizesOf(scale)) {
      const count = Math.min(size, scale.deletions);
      const samples = await timeDeletions(rig, size, count);
      const barred = size === scale.size;
      found({
        parameters: `pod deleted -> instance gone, N = ${size}`,
        n: size,
        unit: 'ms',
        samples,
        bar: barred ? { p99: 60 } : undefined,
        peer: barred ? 'p50 1426 (N = 500)' : undefined,
      });
    }
  },
};

async function timeDeletions(rig: Rig, size: number, count: number): Promise<number[]> {
  const service = await rig.population(size);
  const samples: number[] = [];
  for (let turn = 0; turn < count; turn++) {
    const filter = `ServiceID == "${podName(service, turn)}"`;
    const { index } = await rig.sight.look(service, filter);
    const started = performance.now();
    const gone = rig.sight
      .until(service, (checks) => checks.length === 0, { filter, index })
      .then(() => samples.push(performance.now() - started));
    await Promise.all([gone, rig.pods.delete(service, turn)]);
    const left = size - turn - 1;
    await rig.meshServices.until(service, ({ pods }) => pods === `${left}/${left}`);
  }
  await rig.pods.createReady(service, 0, count);
  await allPassing(rig.sight, service, size);
  return samples;
}
