import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type TrafficRig, ask, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** A pod behind a port of its node, on a real Consul and real Envoys. */
describe('a pod that is reached at its node', function () {
  this.timeout(120_000);
  let rig: TrafficRig;
  before(async () => {
    rig = await startTrafficRig();
  });
  after(() => rig?.stop());

  it('listens in the pod, is called at the node by VMs and pods alike, and is checked by name', async () => {
    await rig.declare('db', { protocol: 'http', access: [{ from: 'caller' }] });
    await rig.declare('caller', { protocol: 'http' });
    const [fromVm = 0, fromPod = 0] = await freePorts(2);
    // It has come up only when its Envoy listens at its own port, which is not the one it is registered with.
    const pod = await rig.atItsNode('db');
    await rig.member('caller', 'vm', [{ service: 'db', localPort: fromVm }]);
    await rig.member('caller', 'pod', [{ service: 'db', localPort: fromPod }]);
    for (const port of [fromVm, fromPod]) {
      const before = pod.passed();
      const answer = await eventually('it is served', 30_000, async () => {
        const got = await ask(port);
        return got.status === 200 ? got : undefined;
      });
      expect(answer.servedBy).to.equal(pod.id);
      expect(pod.passed(), 'it went through the node').to.be.greaterThan(before);
    }
  });
});
