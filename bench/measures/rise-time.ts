import { type Measure, timed } from '../measure.ts';
import { allPassing, NEVER_VERIFY_SECONDS } from '../rig/rig.ts';

/** From the answer to the last pod's readiness until all pods and sidecars of the service pass in Consul. */
export const riseTime: Measure = {
  name: 'rise-time',
  async run(rig, scale, found) {
    await rig.operator(NEVER_VERIFY_SECONDS);
    const samples: number[] = [];
    const perSecond: number[] = [];
    for (let rise = 0; rise < scale.rises; rise++) {
      const service = `rise-${rise}`;
      await rig.pods.declare(service);
      await rig.meshServices.until(service, ({ consul }) => consul !== undefined);
      const createdMs = await timed(() => rig.pods.createReady(service, 0, scale.size));
      perSecond.push(scale.size / (createdMs / 1000));
      samples.push((await timed(() => allPassing(rig.sight, service, scale.size))) / 1000);
      await rig.meshServices.until(service, ({ pods }) => pods === `${scale.size}/${scale.size}`);
    }
    found({
      parameters: `0 -> ${scale.size} pods, all passing after the last became ready`,
      unit: 's',
      samples,
      bar: { max: 0.3 },
      peer: '2.6',
      note: `pods became ready at ${Math.round(Math.min(...perSecond))} a second or more`,
    });
  },
};
