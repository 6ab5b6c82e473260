import { podsNode } from '../../mesh/names/names.ts';
import { type Measure, timed } from '../measure.ts';
import { CLUSTER, NAMESPACE } from '../rig/installation.ts';
import { podName } from '../rig/pods.ts';
import { allPassing } from '../rig/rig.ts';

/** An instance that somebody deletes in Consul by hand, in many MeshServices at once: one survey finds them all. */
export const repairTime: Measure = {
  name: 'repair-time',
  async run(rig, scale, found) {
    await rig.operator(scale.verifySeconds);
    const services = Array.from({ length: scale.repairs }, (_, index) => `repair-${index}`);
    for (const service of services) {
      await rig.pods.declare(service);
      await rig.pods.createReady(service, 0, 1);
      await allPassing(rig.sight, service, 1);
      await rig.meshServices.until(service, ({ pods }) => pods === '1/1');
    }
    const samples = await Promise.all(
      services.map(async (service) => {
        const id = podName(service, 0);
        const node = podsNode(CLUSTER, NAMESPACE, service);
        const [outcome] = await rig.consul.apply([{ op: 'delete-service', node, id, service }]);
        if (!outcome?.ok) throw new Error(`${id} could not be deleted by hand`);
        return (await timed(() => rig.sight.until(service, (checks) => checks.length === 1))) / 1000;
      }),
    );
    found({
      parameters: `deleted by hand -> there again, verified every ${scale.verifySeconds} s`,
      unit: 's',
      samples,
      bar: { max: 35 },
      peer: 'not within 180',
    });
  },
};
