import type { Measure } from '../measure.ts';
import { podName } from '../rig/pods.ts';
import { allPassing, NEVER_VERIFY_SECONDS } from '../rig/rig.ts';

/** From sending the deletion of a pod until Consul has no such instance. */
export const deletionTime: Measure = {
  name: 'deletion-time',
  async run(rig, scale, found) {
    await rig.operator(NEVER_VERIFY_SECONDS);
    const { size, deletions } = scale;
    const service = await rig.population(size);
    const samples: number[] = [];
    for (let turn = 0; turn < deletions; turn++) {
      const filter = `ServiceID == "${podName(service, turn)}"`;
      const { index } = await rig.sight.look(service, filter);
      const gone = rig.sight.until(service, (checks) => checks.length === 0, { filter, index });
      const started = performance.now();
      await rig.pods.delete(service, turn);
      await gone;
      samples.push(performance.now() - started);
      const left = size - turn - 1;
      await rig.meshServices.until(service, ({ pods }) => pods === `${left}/${left}`);
    }
    found({
      parameters: `pod deleted -> instance gone, N = ${size}`,
      unit: 'ms',
      samples,
      bar: { p99: 60 },
      peer: 'p50 1426',
    });
    await rig.pods.createReady(service, 0, deletions);
    await allPassing(rig.sight, service, size);
  },
};
