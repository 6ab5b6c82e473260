import { type Measure, timed } from '../measure.ts';
import { NEVER_VERIFY_SECONDS, type Rig } from '../rig/rig.ts';
import { sizesOf } from '../scale.ts';
import { summarise } from '../summary.ts';
import { eachFlip } from './flips.ts';

/** A Consul in another zone. Each request costs it once, so it shows how many of them a flip waits for. */
const AWAY_MS = 20;

/** From sending the patch of a pod's status until Consul tells of the flip: the API server's own time is within. */
export const flipTime: Measure = {
  name: 'flip-time',
  async run(rig, scale, found) {
    await rig.operator(NEVER_VERIFY_SECONDS);
    for (const size of sizesOf(scale)) {
      const { flips, patches } = await timeFlips(rig, size, scale.timedFlips);
      const barred = size === scale.size;
      found({
        parameters: `status patch -> visible in Consul, N = ${size}`,
        n: size,
        unit: 'ms',
        samples: flips,
        bar: barred ? { p50: 15, p99: 60 } : undefined,
        peer: barred ? 'p50 477, p99 1136 (N = 500)' : undefined,
        note: `the API server answered the patch after p50 ${summarise(patches).p50.toFixed(1)} ms`,
      });
    }
    await rig.gate.delayBy(AWAY_MS);
    try {
      const { flips } = await timeFlips(rig, scale.size, scale.timedFlips / 2);
      found({ parameters: `the same, N = ${scale.size}, Consul ${AWAY_MS} ms away`, unit: 'ms', samples: flips });
    } finally {
      await rig.gate.delayBy(0);
    }
  },
};

async function timeFlips(rig: Rig, size: number, count: number): Promise<{ flips: number[]; patches: number[] }> {
  const service = await rig.population(size);
  const flips: number[] = [];
  const patches: number[] = [];
  await eachFlip(rig, service, size, count, async (flip) => {
    const { filter, becomes } = flip;
    const { index } = await rig.sight.look(service, filter);
    const started = performance.now();
    const seen = rig.sight
      .until(service, ([check]) => check?.Status === becomes, { filter, index })
      .then(() => flips.push(performance.now() - started));
    let ready = 0;
    const sent = timed(async () => (ready = await flip.send())).then((tookMs) => patches.push(tookMs));
    await Promise.all([seen, sent]);
    await flip.settled(ready);
  });
  return { flips, patches };
}
