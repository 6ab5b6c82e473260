import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { meshServices, secrets } from '../../../clients/kube/resources.ts';
import { type KeyPair, createAuthority, issue } from '../../../clients/pki/authority.ts';
import { eventually } from '../../support/eventually.ts';
import { EVIL, type TenantScene, tenantScene } from '../../support/rigs/tenant-scene.ts';

/** Attacks of a hostile team at the edge, and by a flood. With real Envoys: edge-tenants.test.ts. */
describe("a hostile tenant and another team's host and time", function () {
  this.timeout(120_000);
  let scene: TenantScene;
  let authority: KeyPair;
  let atFirst: unknown;
  let flooded = false;

  before(async function () {
    this.timeout(240_000);
    authority = await createAuthority('test', { nowMs: Date.now(), days: 1 });
    scene = await tenantScene();
    atFirst = await scene.victim();
  });
  after(() => scene?.stop());
  afterEach(async () => {
    if (flooded) return;
    expect(JSON.stringify(await scene.victim(), null, 1)).to.equal(JSON.stringify(atFirst, null, 1));
    await scene.clear();
  });

  const expose = (hosts: string[], more: object = {}) => ({ protocol: 'http', expose: { hosts, ...more } });
  const routes = async () => (await scene.rig.consul.listConfig('http-route')).map(({ entry }) => entry.Name).sort();
  async function secret(name: string, dns: string[], files: (pair: KeyPair) => [string, string]): Promise<void> {
    const pair = await issue(authority, { commonName: dns[0]!, dns, usage: 'server', nowMs: Date.now(), days: 1 });
    const [certificate, key] = files(pair).map((text) => Buffer.from(text).toString('base64'));
    const data = { 'tls.crt': certificate, 'tls.key': key };
    await scene.mallory.apply(secrets, { metadata: { name, namespace: EVIL }, data } as KubeObject);
  }

  for (const [what, hosts, paths, words] of [
    ['the host', ['pay.example'], ['/'], /NotExposed: pay.example belongs to namespace shop.*sharedWith: \[evil\]/],
    ['a path of it', ['pay.example'], ['/login'], /pay.example belongs to namespace shop/],
    ['a longer path of it', ['pay.example'], ['/pay/login'], /pay.example belongs to namespace shop/],
    ['a star above it', ['*.example'], ['/'], /\*.example covers pay.example, which belongs to namespace shop/],
    ["the gateway's address", ['10.0.0.1'], ['/'], /10.0.0.1 is an address: name a host/],
    ['an address in short', ['127.1'], ['/'], /127.1 is an address: name a host/],
  ] as const)
    it(`cannot serve ${what}`, async () => {
      await scene.attack('till', expose([...hosts], { paths: [...paths] }));
      await scene.told('till', 'Exposed', words);
      expect(await routes()).to.deep.equal(['landbridge-edge', 'payments', 'payments.wildcard']);
    });

  for (const [what, host] of [
    ['in capitals', 'PAY.example'],
    ['with a dot at its end', 'pay.example.'],
    ['with a port', 'pay.example:80'],
    ['in letters that look alike', 'рay.example'],
    ['with a path', 'pay.example/login'],
    ['with a star in it', 'p*.example'],
    ['of one star', '*'],
    ['of a star in the middle', 'a.*.example'],
    ['that is empty', ''],
    ['with a blank', ' pay.example'],
    ['as an expression', '*.(pay|x).example'],
    ['as an address of IPv6', '[::1]'],
  ] as const)
    it(`cannot name it ${what}`, async () => {
      const said = await scene.refused(scene.attack('till', expose([host])));
      expect(said).to.match(/spec.expose.hosts\[0\] in body should match/);
    });

  it('cannot break its TLS by a certificate of the same name, nor all TLS by one that Envoy refuses', async () => {
    const tell = async (words: RegExp) => {
      await scene.attack('till', expose(['till.example'], { tlsSecret: 'tls' }));
      await scene.told('till', 'Exposed', words);
      expect((await scene.rig.consul.listConfig('inline-certificate')).map(({ entry }) => entry.Name)).to.deep.equal(
        [],
      );
    };
    await secret('tls', ['till.example', 'pay.example'], ({ certPem, keyPem }) => [certPem, keyPem]);
    await tell(/also for a host of others, so none is served with it: pay.example belongs to namespace shop/);
    const broken = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    await secret('tls', ['till.example'], ({ certPem, keyPem }) => [certPem + broken, keyPem]);
    await tell(/tls.crt is no certificate in PEM/);
    await secret('tls', ['till.example'], ({ certPem, keyPem }) => [certPem.repeat(40), keyPem]);
    await tell(/tls.crt has 40 certificates: 10 at most/);
    expect(await scene.refused(scene.attack('robber', expose(['r.example'], { tlsSecret: '../shop/pay' })))).to.match(
      /spec.expose.tlsSecret in body should match/,
    );
  });

  it('cannot get its host in the moment in which its MeshService is made again', async () => {
    await scene.attack('till', expose(['pay.example']));
    await scene.told('till', 'Exposed', /pay.example belongs to namespace shop/);
    const { client } = scene.rig.kube;
    await scene.shop.remove('payments');
    await scene.told('till', 'Exposed', /pay.example belongs to namespace shop until/);
    await eventually('it is gone', 20_000, async () => (await scene.shop.status('payments')) === undefined);
    expect(await routes()).to.deep.equal(['landbridge-edge']);
    await scene.shop.declare('payments', {
      protocol: 'http',
      access: [{ from: 'frontend' }],
      expose: { hosts: ['pay.example'], paths: ['/pay'] },
    });
    await scene.shop.condition('payments', 'Exposed', 'Exposed');
    await scene.shop.condition('payments', 'Ready', 'AllInstancesReady');
    expect((await client.get<KubeObject>(meshServices, 'payments', 'shop'))?.metadata.deletionTimestamp).to.equal(
      undefined,
    );
    await eventually('it is served again', 30_000, async () => {
      expect(await routes()).to.deep.equal(['landbridge-edge', 'payments', 'payments.wildcard']);
      return true;
    });
    atFirst = await scene.victim();
  });

  it("cannot hold up another team's change by 1,100 MeshServices", async function () {
    this.timeout(300_000);
    const make = async (index: number): Promise<void> => {
      await scene.attack(`flood-${index}`, expose([`h${index}.flood.example`]));
    };
    let made = 0;
    const worker = async (): Promise<void> => {
      while (made < 1100) await make(made++).catch(() => undefined);
    };
    const flood = Promise.all(Array.from({ length: 16 }, worker));
    await eventually('the flood is under way', 60_000, () => made > 400);
    for (const from of ['one', 'two', 'three']) {
      await scene.shop.declare('payments', {
        protocol: 'http',
        access: [{ from: 'frontend' }, { from }],
        expose: { hosts: ['pay.example'], paths: ['/pay'] },
      });
      await eventually(`${from} may call while the flood is under way`, 20_000, async () => {
        const entry = (await scene.rig.consul.readConfig('service-intentions', 'payments'))?.entry;
        return JSON.stringify(entry?.['Sources']).includes(`"${from}"`) || undefined;
      });
    }
    await flood;
    // The rig goes as a whole.
    flooded = true;
  });
});
