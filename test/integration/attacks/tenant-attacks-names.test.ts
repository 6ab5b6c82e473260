import { expect } from 'chai';
import { meshServices, namespaces, secrets } from '../../../clients/kube/resources.ts';
import { NAMESPACE } from '../../../mesh/installation/installation.ts';
import { eventually } from '../../support/eventually.ts';
import { EVIL, type TenantScene, tenantScene } from '../../support/rigs/tenant-scene.ts';

/** Attacks of a team with every right in its own namespace on the name of another: docs/security.md, the last row. */
describe("a hostile tenant and another team's name", function () {
  this.timeout(120_000);
  let scene: TenantScene;
  let atFirst: unknown;

  before(async function () {
    this.timeout(240_000);
    scene = await tenantScene();
    const node = { Node: 'legacy', Address: '10.9.9.9', Meta: {} };
    const service = { ID: 'db-1', Service: 'vendor-db', Address: '10.9.9.9', Port: 5432, Tags: [], Meta: {} };
    await scene.rig.consul.apply([{ op: 'register', node, registration: { service, checks: [] } }]);
    atFirst = await scene.victim();
  });
  after(() => scene?.stop());
  afterEach(async () => {
    await scene.clear();
    expect(JSON.stringify(await scene.victim(), null, 1)).to.equal(JSON.stringify(atFirst, null, 1));
  });

  const taken = /the name "payments" in Consul belongs to MeshService shop\/payments: give spec.service another name/;

  it('cannot take it by a MeshService of the same name', async () => {
    expect(await scene.refused(scene.attack('payments'))).to.match(taken);
  });

  it('cannot take it by spec.service', async () => {
    expect(await scene.refused(scene.attack('till', { service: 'payments' }))).to.match(taken);
  });

  it('cannot take it by renaming what it holds, and keeps what it holds', async () => {
    await scene.attack('till');
    await scene.told('till', 'Synced', /^Synced/);
    expect(await scene.refused(scene.attack('till', { service: 'payments' }))).to.match(taken);
    await scene.told('till', 'Synced', /^Synced/);
  });

  it('cannot take it by marks, labels and annotations of the operator', async () => {
    const metadata = {
      labels: { 'app.kubernetes.io/managed-by': 'landbridge', 'landbridge.dev/mesh-service': 'payments' },
      annotations: { 'landbridge-owner': 'k8s/lab/shop/payments', 'landbridge.dev/may-claim': '*' },
    };
    expect(await scene.refused(scene.attack('payments', {}, metadata))).to.match(taken);
  });

  it('cannot take it while no operator answers admissions, nor by a deletion that never ends', async () => {
    await Promise.all(scene.rig.operators.map((operator) => operator.stop()));
    await scene.attack('payments', {}, { finalizers: ['evil.example/never'] });
    await scene.rig.start({ LANDBRIDGE_EDGE: 'enabled', LANDBRIDGE_GATEWAY: 'enabled' });
    await scene.told('payments', 'Synced', /NameOwnedByAnother: .*payments.* belongs to k8s\/lab\/shop\/payments/);
    expect(await scene.rig.kube.client.get(secrets, 'payments-landbridge', EVIL)).to.equal(undefined);
    const forged = { consul: { service: 'payments', node: 'k8s.lab.shop.payments' } };
    const says = /written by Landbridge's operator alone, since it says who holds a name: change spec/;
    expect(await scene.refused(scene.mallory.patchStatus(meshServices, 'payments', EVIL, forged))).to.match(says);
    expect(await scene.refused(scene.mallory.applyStatus(meshServices, 'payments', EVIL, forged))).to.match(says);
    await scene.mallory.delete(meshServices, 'payments', EVIL);
    await eventually("the operator's finalizer is gone", 20_000, async () => {
      const held = await scene.rig.kube.client.get<{ metadata: { finalizers?: string[] } }>(
        meshServices,
        'payments',
        EVIL,
      );
      return held?.metadata.finalizers?.join() === 'evil.example/never' || undefined;
    });
    await scene.rig.kube.client.patchMerge(meshServices, 'payments', EVIL, { metadata: { finalizers: null } });
  });

  for (const [what, spec, says] of [
    ['in capitals', { service: 'Payments' }, /spec.service in body should match/],
    ['in letters that look alike', { service: 'рayments' }, /spec.service in body should match/],
    ['with a dot', { service: 'payments.shop' }, /spec.service in body should match/],
    ['with a slash', { service: 'shop/payments' }, /spec.service in body should match/],
    ['with a line break', { service: 'payments\n' }, /spec.service in body should match/],
    ['as an expression of a binding rule', { service: '${value.service}' }, /spec.service in body should match/],
    ['as a filter', { service: 'a" or Service.Service == "payments' }, /spec.service in body should match/],
    ['that is empty', { service: '' }, /spec.service in body should be at least 1 chars long|should match/],
    ['of 64 characters', { service: 'p'.repeat(64) }, /may not be (longer|more) than 63|should be at most 63/],
    [
      'of its sidecars',
      { service: 'payments-sidecar-proxy' },
      /nor end in "-sidecar-proxy": give spec.service another/,
    ],
    ['of Consul itself', { service: 'consul' }, /the name in Consul may not be "consul"/],
    ['of the edge gateway', { service: 'landbridge-edge' }, /may not be .*"landbridge-edge"/],
    ['of the terminating gateway', { service: 'landbridge-gateway' }, /may not be .*"landbridge-gateway"/],
  ] as const)
    it(`cannot have a name ${what}`, async () => {
      expect(await scene.refused(scene.attack('till', spec))).to.match(says);
    });

  it('cannot have a MeshService with the name of a gateway, under any name in Consul', async () => {
    for (const name of ['landbridge-edge', 'landbridge-gateway'])
      expect(await scene.refused(scene.attack(name, { service: 'till' }))).to.match(/metadata.name may not be/);
  });

  it('cannot claim a name that has instances, nor allow itself to', async () => {
    const metadata = { annotations: { 'landbridge.dev/may-claim': '*', 'may-claim.landbridge.dev/evil': '*' } };
    await scene.mallory.patchMerge(namespaces, EVIL, undefined, { metadata });
    const allowed = scene.mallory.patchMerge(namespaces, NAMESPACE, undefined, { metadata });
    expect(await scene.refused(allowed)).to.match(/cannot patch resource "namespaces"/);
    await scene.attack('till', { service: 'vendor-db' });
    const command = 'kubectl annotate namespace landbridge may-claim.landbridge.dev/evil=vendor-db';
    await scene.told('till', 'Synced', new RegExp(`NameInUse: .*db-1 on Consul node legacy.*${command}`));
    expect(await scene.rig.consul.readConfig('service-defaults', 'vendor-db')).to.equal(undefined);
  });

  it("cannot reach into the other team's namespace at all", async () => {
    const metadata = { name: 'payments', namespace: 'shop' };
    const attempts = [
      scene.mallory.patchMerge(meshServices, 'payments', 'shop', { spec: { access: [{ from: 'till' }] } }),
      scene.mallory.get(secrets, 'payments-landbridge', 'shop'),
      scene.mallory.apply(meshServices, { metadata, spec: {} }),
    ];
    for (const said of await Promise.all(attempts.map(scene.refused)))
      expect(said).to.match(/cannot (patch|get) resource .* in the namespace "shop"/);
  });
});
