import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { namespaces, pods } from '../../../clients/kube/resources.ts';
import type { Pod } from '../../../crds/kubernetes.ts';
import { podFacts } from '../../../mesh/service/pod.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

/** spec.reach, on a real API server and a real Consul. */
describe('how pods are reached', function () {
  this.timeout(120_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;

  before(async () => {
    rig = await startOperatorRig();
    shop = shopOf(rig);
    await rig.start();
    await shop.only('web', []);
    // Without machines in the mesh nobody reports, and no report is read.
    await shop.declare('caller', { workloads: { external: { sites: ['rack-1'] } } });
    await eventually('pods are admitted', 20_000, () => rig.kube.client.create(pods, shop.plainPod('old', 'web')));
    await ready('old', '10.0.0.1');
  });
  after(() => rig?.stop());

  const ready = async (name: string, podIP: string) => {
    await shop.setReady(name, true, podIP);
    await rig.kube.client.patchStatus(pods, name, 'shop', { hostIP: '10.89.0.3', hostIPs: [{ ip: '10.89.0.3' }] });
  };
  const hostPortOf = async (name: string) =>
    podFacts((await rig.kube.client.get<KubeObject & Pod>(pods, name, 'shop'))!).hostPort;
  const sidecarOf = async (name: string) =>
    (await rig.consul.health('web', { connect: true })).find(({ service }) => service.ID === `${name}-sidecar`);
  const enforce = (standard: string | null) =>
    rig.kube.client.patchMerge(namespaces, 'shop', undefined, {
      metadata: { labels: { 'pod-security.kubernetes.io/enforce': standard } },
    });
  const declared = (spec: object) =>
    shop.declare('web', spec).then(
      () => 'taken',
      (error: Error) => error.message,
    );

  it('gives each pod a port of its node of its own, registers it there, and says which pods have none yet', async () => {
    await shop.declare('web', { reach: 'hostPort' });
    const condition = await shop.condition('web', 'Reachable', 'PodsWithoutHostPort');
    expect(condition).to.include({ status: 'False' });
    expect(condition.message).to.contain('for example old');
    for (const name of ['new-1', 'new-2', 'new-3']) {
      await rig.kube.client.create(pods, shop.plainPod(name, 'web'));
      await ready(name, `10.0.0.${name.slice(-1)}2`);
    }
    const ports = await Promise.all(['new-1', 'new-2', 'new-3'].map(hostPortOf));
    for (const port of ports) expect(port).to.be.within(22000, 22999);
    expect(new Set(ports).size, 'no two alike, though all are on one node').to.equal(3);
    await eventually('it is registered at its node', 20_000, async () => {
      const sidecar = await sidecarOf('new-2');
      return sidecar?.address === '10.89.0.3' && sidecar.service.Port === ports[1];
    });
    expect(await sidecarOf('old')).to.include({ address: '10.0.0.1' });
    await shop.deletePod('old');
    await shop.condition('web', 'Reachable', 'NotProbed');
  });

  it('tells the findings of the sites: the machines, the addresses that they miss, and the remedy', async () => {
    const write = async (unreached: object[]) => {
      const key = 'landbridge/reach/rack-1';
      const services = { web: { reached: 1, unreached } };
      const report = JSON.stringify({ site: 'rack-1', at: new Date().toISOString(), services });
      const held = await rig.consul.kvGet(key);
      expect(await rig.consul.kvCas(key, report, held?.modifyIndex ?? 0)).to.equal(true);
    };
    await write([{ address: '10.89.0.3:22001', host: 'vm1', output: 'ECONNREFUSED', bridgeReaches: true }]);
    const { message } = await shop.condition('web', 'Reachable', 'NotReachedFromSite');
    expect(message).to.contain('from site rack-1: vm1 does not reach 10.89.0.3:22001 (ECONNREFUSED)');
    expect((await shop.condition('web', 'Ready', 'AllInstancesReady')).status, 'pods still call it').to.equal('True');
    await write([]);
    await shop.condition('web', 'Reachable', 'ReachedFromSites');
  });

  it('under Pod Security baseline: says so, lets pods come without a port, and refuses to take more', async () => {
    await enforce('baseline');
    try {
      const { message } = await shop.condition('web', 'Reachable', 'HostPortForbidden');
      expect(message).to.contain('namespace shop enforces the Pod Security standard "baseline"');
      await rig.kube.client.create(pods, shop.plainPod('bare', 'web'));
      expect(await hostPortOf('bare')).to.equal(undefined);
      await shop.deletePod('bare');
      expect(await declared({ reach: 'hostPort', protocol: 'http' })).to.match(
        /denied the request: namespace shop enforces the Pod Security standard "baseline", which forbids host ports: .*leave spec.reach at pod/,
      );
      expect(await declared({ reach: 'pod' })).to.equal('taken');
    } finally {
      await enforce(null);
    }
    await eventually('it is no question any more', 20_000, async () => {
      const status = await shop.status('web');
      return status !== undefined && !status.conditions?.some(({ type }) => type === 'Reachable');
    });
    await eventually('it is registered at the pod again', 20_000, async () => {
      const sidecar = await sidecarOf('new-2');
      return sidecar?.address === '10.0.0.22' && sidecar.service.Port === 20000;
    });
  });
});
