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
      for (const way of WAYS) {
        if (way === 'calling another' && !barred) continue;
        const samples: number[] = [];
        const perSecond: number[] = [];
        for (let turn = 0; turn < (barred ? scale.rises : 1); turn++) {
          const rise = await timeRise(rig, `rise-${WAYS.indexOf(way)}-${size}-${turn}`, size, way);
          samples.push(rise.restMs / 1000);
          perSecond.push(size / (rise.readyMs / 1000));
        }
        found({
          parameters: `0 -> ${size} pods, ${way}: all passing after the last became ready`,
          // One line a measure in the plot.
          n: way === 'ready at once' ? size : undefined,
          unit: 's',
          samples,
          bar: barred && way !== 'calling another' ? { max: 0.3 } : undefined,
          peer: barred ? '2.6 (N = 500)' : undefined,
          note: `pods became ready at ${Math.round(Math.min(...perSecond))} a second`,
        });
      }
    }
  },
};

/**
 * `ready at once`: a pod gets its address and is ready in one write, the worst case, and the one of the peer. `address first`: as kubelets do it, since a pod's sidecar has to be registered before the pod can be ready.
 * `calling another`: ready at once, and each sidecar has an upstream, so that it is registered by a request of its own.
 */
const WAYS = ['ready at once', 'address first', 'calling another'] as const;
type Way = (typeof WAYS)[number];

async function timeRise(
  rig: Rig,
  service: string,
  size: number,
  way: Way,
): Promise<{ readyMs: number; restMs: number }> {
  await rig.pods.declare(service, way === 'calling another' ? 'somebody' : undefined);
  await rig.meshServices.until(service, ({ consul }) => consul !== undefined);
  if (way === 'address first') {
    await rig.pods.createRunning(service, size);
    await rig.meshServices.until(service, ({ pods }) => pods === `0/${size}`);
  }
  const readyMs = await timed(() =>
    way === 'address first'
      ? rig.pods.each(size, (index) => rig.pods.setReady(service, index, true))
      : rig.pods.createReady(service, 0, size),
  );
  const restMs = await timed(() => allPassing(rig.sight, service, size));
  await rig.meshServices.until(service, ({ pods }) => pods === `${size}/${size}`);
  return { readyMs, restMs };
}
