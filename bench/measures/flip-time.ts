import { type Measure, timed } from '../measure.ts';
import { NEVER_VERIFY_SECONDS } from '../rig/rig.ts';
import { summarise } from '../summary.ts';
import { eachFlip } from './flips.ts';

/** From sending the patch of a pod's status until Consul tells of the flip: the API server's own time is within. */
export const flipTime: Measure = {
  name: 'flip-time',
  async run(rig, scale, found) {
    await rig.operator(NEVER_VERIFY_SECONDS);
    for (const size of [...new Set([...scale.sizes, scale.size])].sort((a, b) => a - b)) {
      const service = await rig.population(size);
      const samples: number[] = [];
      const patches: number[] = [];
      await eachFlip(rig, service, size, scale.timedFlips, async (flip) => {
        const { filter } = flip;
        const { index } = await rig.sight.look(service, filter);
        const seen = rig.sight.until(service, ([check]) => check?.Status === flip.becomes, { filter, index });
        let ready = 0;
        const started = performance.now();
        patches.push(await timed(async () => (ready = await flip.send())));
        await seen;
        samples.push(performance.now() - started);
        await flip.settled(ready);
      });
      const barred = size === scale.size;
      found({
        parameters: `status patch -> visible in Consul, N = ${size}`,
        unit: 'ms',
        samples,
        bar: barred ? { p50: 15, p99: 60 } : undefined,
        peer: barred ? 'p50 477, p99 1136 (N = 500)' : undefined,
        note: `the API server answered the patch after p50 ${summarise(patches).p50.toFixed(1)} ms`,
      });
    }
  },
};
