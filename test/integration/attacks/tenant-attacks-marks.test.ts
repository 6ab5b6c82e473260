import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { meshServices, pods, secrets } from '../../../clients/kube/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { EVIL, type TenantScene, tenantScene } from '../../support/rigs/tenant-scene.ts';

/** Attacks of a hostile team by names, marks, owners and finalizers of its own objects. */
describe('a hostile tenant and the marks of the operator', function () {
  this.timeout(120_000);
  let scene: TenantScene;
  let atFirst: unknown;

  before(async function () {
    this.timeout(240_000);
    scene = await tenantScene();
    atFirst = await scene.victim();
  });
  after(() => scene?.stop());
  afterEach(async () => {
    expect(JSON.stringify(await scene.victim(), null, 1)).to.equal(JSON.stringify(atFirst, null, 1));
    await scene.clear();
  });

  const pod = (name: string, spec: object, metadata: object = {}) =>
    scene.mallory.create<KubeObject & { spec: Record<string, { name: string; image?: string }[]> }>(pods, {
      metadata: { name, namespace: EVIL, labels: { app: 'till' }, ...metadata },
      spec: {
        containers: [{ name: 'app', image: 'app:1' }],
        automountServiceAccountToken: false,
        serviceAccountName: 'none',
        ...spec,
      },
    } as never);
  const entries = async (name: string) =>
    (
      await Promise.all(
        (['service-defaults', 'service-resolver', 'service-intentions'] as const).map((kind) =>
          scene.rig.consul.readConfig(kind, name),
        ),
      )
    ).filter((held) => held !== undefined);

  it('cannot keep a name claimed for ever by an object whose finalizer it takes off', async () => {
    await scene.attack('till', { service: 'nice-name' });
    await scene.told('till', 'Synced', /^Synced/);
    await scene.mallory.patchMerge(meshServices, 'till', EVIL, { metadata: { finalizers: null } });
    await scene.mallory.delete(meshServices, 'till', EVIL);

    await eventually('the name is free', 60_000, async () => (await entries('nice-name')).length === 0);
  });

  it('cannot keep names by going through sixty of them', async () => {
    for (let at = 0; at < 60; at++) await scene.attack('till', { service: `name-${at}` });
    await eventually('it holds the last', 30_000, async () => (await entries('name-59')).length === 3);
    await eventually('the others are free', 30_000, async () => {
      const held = (await scene.rig.consul.listConfig('service-defaults'))
        .map(({ entry }) => entry.Name)
        .filter((name) => name.startsWith('name-'));
      expect(held).to.deep.equal(['name-59']);
      return true;
    });
  });

  for (const [what, name] of [
    ['of digits alone', '123'],
    ['that YAML reads as a truth', 'true'],
    ['that YAML reads as a number', '1e3'],
    ['of 63 characters', 'n'.repeat(63)],
    ['like a node of machines', 'vm'],
    ['like a node of another cluster', 'k8s'],
    ['like a subset', 'site-rack-1'],
    ['like the namespace of another', 'shop'],
    ['like a field of an object', 'constructor'],
    ['with dashes in a row', 'a--b'],
  ] as const)
    it(`has nothing but its own by a name ${what}`, async () => {
      await scene.attack(name, { upstreams: [{ service: name === 'vm' ? '7' : 'payments', localPort: 9191 }] });
      await scene.told(name, 'Synced', /^Synced/);
      expect(await entries(name)).to.have.length(3);
      const made = await pod('p', {}, { labels: { app: name } });
      expect(made.spec['initContainers']?.map((one) => one.name)).to.deep.equal(['landbridge-sidecar']);
    });

  it("cannot put an image of its own into the place of the operator's sidecar", async () => {
    await scene.attack('till');
    await scene.told('till', 'Synced', /^Synced/);
    const named = { name: 'landbridge-sidecar', image: 'evil' };
    expect(await scene.refused(pod('p', { containers: [named] }))).to.match(
      /container "landbridge-sidecar" has the name of the sidecar: give it another/,
    );
    const made = await pod('q', { initContainers: [{ ...named, restartPolicy: 'Always' }] });
    expect(made.spec['initContainers']?.map(({ image }) => image)).to.deep.equal(['landbridge/envoy:test']);
  });

  it('leads nothing to another by owner references', async () => {
    const victim = await scene.rig.kube.client.get<KubeObject>(meshServices, 'payments', 'shop');
    const owner = { name: 'payments', uid: victim!.metadata.uid!, controller: true, blockOwnerDeletion: true };
    const ofPayments = { ...owner, apiVersion: 'landbridge.dev/v1alpha1', kind: 'MeshService' };
    await scene.attack('till', {}, { ownerReferences: [ofPayments] });
    await scene.told('till', 'Synced', /^Synced/);
    const secret = await scene.rig.kube.client.get<KubeObject>(secrets, 'till-landbridge', EVIL);
    expect(secret?.metadata.ownerReferences?.map(({ name }) => name)).to.deep.equal(['till']);
    await pod('p', {}, { ownerReferences: [{ ...owner, apiVersion: 'apps/v1', kind: 'ReplicaSet' }] });
  });

  it('is served with 250,000 characters of annotations and 2,000 labels, and nobody waits for it', async () => {
    const annotations = { 'x.example/y': 'v'.repeat(250_000) };
    await scene.attack('till', {}, { annotations });
    await scene.told('till', 'Synced', /^Synced/);
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`l${at}`, 'v'.repeat(63)]));
    const made = await pod('p', {}, { labels: { app: 'till', ...many }, annotations });
    expect(made.spec['initContainers']).to.have.length(1);
  });

  for (const traffic of [
    { subsets: [{ name: 'a', version: 'v1" or Service.Service == "payments' }] },
    { subsets: [{ name: 'a" or "1" == "1', version: 'v1' }] },
    { subsets: [{ name: 'a', zone: 'z\\' }] },
    { subsets: [{ name: 'a', site: '${x}' }] },
    { split: [{ weight: 100, subset: 'version:v1" or "1" == "1' }] },
    { split: [{ weight: 100, subset: 'zone:a b' }] },
    { split: [{ weight: 100, subset: 'site:*' }] },
    { failover: [{ from: '*', to: ['service:payments@peer'] }] },
    { failover: [{ from: 'version:`x`', to: ['pods'] }] },
    { routes: [{ name: 'a', path: '/a', subset: 'version:v1 or true' }] },
  ])
    it(`cannot slip an expression into a filter: ${JSON.stringify(traffic)}`, async () => {
      const said = await scene.refused(scene.attack('till', { protocol: 'http', traffic }));
      expect(said).to.match(/should match/);
    });
});
