import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type TrafficRig, ask, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** A kubelet starts Envoy up to a second before it tells the pod's address; on a real Consul and real Envoys. */
describe('a sidecar whose pod has no address yet', function () {
  this.timeout(120_000);
  let rig: TrafficRig;
  before(async () => {
    rig = await startTrafficRig();
  });
  after(() => rig?.stop());

  it('has its configuration, gets no traffic, and serves when the address is known', async () => {
    await rig.declare('early', { protocol: 'http', access: [{ from: 'caller' }] });
    await rig.declare('caller', { protocol: 'http' });
    // It listens: Envoy was given all of its configuration.
    const early = await rig.withoutAddress('early');
    const [port = 0] = await freePorts(1);
    await rig.member('caller', 'pod', [{ service: 'early', localPort: port }]);
    const refused = await eventually('the caller knows of it', 30_000, async () => {
      const answer = await ask(port);
      return answer.status === 0 ? undefined : answer;
    });
    expect(refused.status).to.equal(503);
    expect(early.served).to.equal(0);
    await rig.tellAddress(early);
    const answered = await eventually('it is served', 30_000, async () => {
      const answer = await ask(port);
      return answer.status === 200 ? answer : undefined;
    });
    expect(answered.servedBy).to.equal(early.id);
    const more = await Promise.all(Array.from({ length: 50 }, () => ask(port)));
    expect(more.map(({ status }) => status)).to.deep.equal(more.map(() => 200));
  });
});
