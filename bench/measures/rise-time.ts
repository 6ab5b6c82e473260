import { type Measure, timed } from '../measure.ts';
import { allPassing, NEVER_VERIFY_SECONDS, type Rig } from '../rig/rig.ts';
import { sizesOf } from '../scale.ts';

/** From the answer to the last pod's readiness until all pods and sidecars of the service pass in Consul. */
export const riseTime: Measure = {
  name: 'rise-time',
  async run(rig, scale, found) {
    await rig.operator(NEVER_VERIFY_SECONDS);
    for (const size of sizesOf(scale)) {
      const barred = size === scale.size;
      const samples: number[] = [];
      const perSecond: number[] = [];
      for (let turn = 0; turn < (barred ? scale.rises : 1); turn++) {
        const rise = await timeRise(rig, `rise-${size}-${turn}`, size);
        samples.push(rise.restMs / 1000);
        perSecond.push(size / (rise.createdMs / 1000));
      }
      found({
        parameters: `0 -> ${size} pods, all passing after the last became ready`,
        n: size,
        unit: 's',
        samples,
        bar: barred ? { max: 0.3 } : undefined,
        peer: barred ? '2.6 (N = 500)' : undefined,
        note: `pods became ready at ${Math.round(Math.min(...perSecond))} a second`,
      });
    }
  },
};

async function timeRise(rig: Rig, service: string, size: number): Promise<{ createdMs: number; restMs: number }> {
  await rig.pods.declare(service);
  await rig.meshServices.until(service, ({ consul }) => consul !== undefined);
  const createdMs = await timed(() => rig.pods.createReady(service, 0, size));
  const restMs = await timed(() => allPassing(rig.sight, service, size));
  await rig.meshServices.until(service, ({ pods }) => pods === `${size}/${size}`);
  return { createdMs, restMs };
}
