import { expect } from 'chai';
import type { Consul } from '../../../clients/consul/consul.ts';
import { serviceJwt } from '../../../clients/consul/service-token.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { meshServices, secrets } from '../../../clients/kube/resources.ts';
import type { ConfigEntry } from '../../../mesh/catalog/entry.ts';
import { claimsOf } from '../../../mesh/gateways/terminating.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

/** The claims of docs/security.md about holders, tried with their own credentials on a real Consul and API server. */
describe('a holder of', function () {
  this.timeout(120_000);
  let rig: OperatorRig;
  const open: Consul[] = [];

  const connect = (token: string): Consul => {
    const consul = rig.server.connect(token);
    open.push(consul);
    return consul;
  };
  const answer = (work: Promise<unknown>): Promise<string> =>
    work.then(
      (found) => (Array.isArray(found) && found.some(({ ok }) => ok === false) ? JSON.stringify(found) : 'done'),
      (error: Error) => error.message,
    );
  const denied = async (what: string, work: Promise<unknown>): Promise<void> => {
    expect(await answer(work), what).to.match(/denied|Permission|forbidden/i);
  };
  const put = async (consul: Consul, entry: Partial<ConfigEntry> & Pick<ConfigEntry, 'Kind' | 'Name'>) => {
    const held = await rig.consul.readConfig(entry.Kind, entry.Name);
    return consul.apply([
      { op: 'set-config', entry: { Meta: {}, ...entry } as ConfigEntry, modifyIndex: held?.modifyIndex ?? 0 },
    ]);
  };
  const register = (consul: Consul, node: string, service: string) =>
    consul.apply([
      {
        op: 'register',
        node: { Node: node, Address: '10.6.6.6', Meta: {} },
        registration: {
          service: { ID: `${service}-false`, Service: service, Address: '10.6.6.6', Port: 1, Tags: [], Meta: {} },
          checks: [],
        },
      },
    ]);
  const loggedIn = async (method: 'operator' | 'bridge', service: string, links?: string[]): Promise<Consul> => {
    const issuer = `landbridge-${method}`;
    const { signingKeyPem } = rig.material[method];
    const nowSeconds = Math.floor(Date.now() / 1000);
    const claims = links && { claims: claimsOf(links) };
    const jwt = serviceJwt({ signingKeyPem, issuer, service, nowSeconds, ...claims });
    return connect((await rig.consul.login(issuer, jwt)).secretId);
  };

  before(async function () {
    this.timeout(240_000);
    rig = await startOperatorRig();
    await rig.start();
    const shop = shopOf(rig);
    for (const name of ['web', 'db']) {
      await shop.declare(name, { protocol: 'http' });
      await shop.condition(name, 'Synced', 'Synced');
    }
    await rig.consul.apply([{ op: 'set-node', node: { Node: 'vm.rack-1.vm1', Address: '10.0.1.1', Meta: {} } }]);
  });
  after(async () => {
    for (const consul of open) consul.close();
    await rig?.stop();
  });

  it("a sidecar's token acts as its service, and not as another, nor on intentions, keys, ACLs or nodes", async () => {
    const held = await eventually('the Secret', 20_000, () =>
      rig.kube.client.get<KubeObject & { data: Record<string, string> }>(secrets, 'web-landbridge', 'shop'),
    );
    const sidecar = connect(Buffer.from(held.data['token']!, 'base64').toString());
    expect((await sidecar.health('db')).length, 'reads the catalog').to.equal(0);
    expect(await answer(put(sidecar, { Kind: 'service-resolver', Name: 'web', ConnectTimeout: '9s' }))).to.equal(
      'done',
    );
    await denied(
      'the entries of another',
      put(sidecar, { Kind: 'service-resolver', Name: 'db', ConnectTimeout: '9s' }),
    );
    const Sources = [{ Name: '*', Action: 'allow' }];
    await denied('its own intentions', put(sidecar, { Kind: 'service-intentions', Name: 'web', Sources }));
    await denied('the intentions of another', put(sidecar, { Kind: 'service-intentions', Name: 'db', Sources }));
    await denied('instances of another', register(sidecar, 'k8s.lab.shop.web', 'db'));
    await denied('a node of a machine', sidecar.apply([{ op: 'delete-node', node: 'vm.rack-1.vm1' }]));
    await denied('keys', sidecar.kvCas('landbridge/edge/lab/shop', '{}', 0));
    await denied('tokens', sidecar.acl.listTokens({}));
    await denied('settings of the mesh', put(sidecar, { Kind: 'proxy-defaults', Name: 'global' }));
    await denied('what the edge serves', put(sidecar, { Kind: 'http-route', Name: 'web', Parents: [], Rules: [] }));
  });

  it('the operator writes every service, and neither ACLs, nor nodes of machines, nor keys of the bridge', async () => {
    const operator = connect(rig.material.operator.token);
    expect(await answer(put(operator, { Kind: 'service-resolver', Name: 'db', ConnectTimeout: '9s' }))).to.equal(
      'done',
    );
    await denied('tokens', operator.acl.listTokens({}));
    await denied('a policy', operator.acl.upsertPolicy({ name: 'mine', description: '', rules: 'acl = "write"' }));
    await denied('a node of a machine', operator.apply([{ op: 'delete-node', node: 'vm.rack-1.vm1' }]));
    const node = { Node: 'k8s.other.x.y', Address: '127.0.0.1', Meta: {} };
    await denied('a node of another cluster', operator.apply([{ op: 'set-node', node }]));
    await denied('invites', operator.kvCas('landbridge/invites/x', '{}', 0));
    const user = { user: 'system:serviceaccount:landbridge:landbridge-operator', groups: ['system:authenticated'] };
    const kube = await rig.kube.clientFor(user);
    await denied('a list of Secrets', kube.list(secrets, { namespace: 'shop' }));
    await denied('a MeshService', kube.delete(meshServices, 'web', 'shop'));
  });

  it('the bridge has certificates and entries of every service, and neither intentions, nor nodes of pods, nor ACLs', async () => {
    const bridge = connect(rig.material.bridge.token);
    expect(await answer(put(bridge, { Kind: 'service-resolver', Name: 'db', ConnectTimeout: '8s' }))).to.equal('done');
    const asDb = await loggedIn('bridge', 'db');
    expect(await answer(put(asDb, { Kind: 'service-resolver', Name: 'db', ConnectTimeout: '7s' }))).to.equal('done');
    const Sources = [{ Name: '*', Action: 'allow' }];
    await denied('intentions', put(bridge, { Kind: 'service-intentions', Name: 'db', Sources }));
    await denied('intentions as the service', put(asDb, { Kind: 'service-intentions', Name: 'db', Sources }));
    await denied('a node of pods', bridge.apply([{ op: 'delete-node', node: 'k8s.lab.shop.web' }]));
    await denied('tokens', bridge.acl.listTokens({}));
    await denied('what the edge serves', put(bridge, { Kind: 'http-route', Name: 'web', Parents: [], Rules: [] }));
    const user = { user: 'system:serviceaccount:landbridge:landbridge-bridge', groups: ['system:authenticated'] };
    const kube = await rig.kube.clientFor(user);
    await denied('a Secret', kube.get(secrets, 'web-landbridge', 'shop'));
    await denied('a MeshService', kube.patchMerge(meshServices, 'web', 'shop', { spec: { port: 1 } }));
  });

  it('the edge gateway reads what it serves, and writes nothing of the services', async () => {
    const edge = await loggedIn('operator', 'landbridge-edge');
    await denied('an entry', put(edge, { Kind: 'service-resolver', Name: 'web', ConnectTimeout: '9s' }));
    await denied('a route', put(edge, { Kind: 'http-route', Name: 'web', Parents: [], Rules: [] }));
    await denied('an instance', register(edge, 'k8s.lab.shop.web', 'web'));
  });

  it('the terminating gateway acts as the services that its token stands for, and as no other', async () => {
    const gateway = await loggedIn('operator', 'landbridge-gateway', ['db']);
    expect(await answer(put(gateway, { Kind: 'service-resolver', Name: 'db', ConnectTimeout: '6s' }))).to.equal('done');
    await denied('an entry', put(gateway, { Kind: 'service-resolver', Name: 'web', ConnectTimeout: '9s' }));
    const Sources = [{ Name: '*', Action: 'allow' }];
    await denied('intentions', put(gateway, { Kind: 'service-intentions', Name: 'web', Sources }));
    await denied('an instance', register(gateway, 'k8s.lab.shop.web', 'web'));
  });
});
