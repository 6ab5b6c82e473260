import { expect } from 'chai';
import { connectConsul } from '../../../clients/consul/connect.ts';
import type { Consul } from '../../../clients/consul/consul.ts';
import { ConsulDenied } from '../../../clients/consul/errors.ts';
import { serviceJwt } from '../../../clients/consul/service-token.ts';
import { openTransport } from '../../../clients/consul/transport.ts';
import { askDns, readAnswer } from '../../../clients/dns/ask-dns.ts';
import { GATEWAY_LINKS } from '../../../mesh/gateways/terminating.ts';
import { OWNER_META } from '../../../mesh/catalog/entry.ts';
import { CONSUL_SERVER_NAME, SECRETS } from '../../../mesh/installation/installation.ts';
import type { Change } from '../../../mesh/catalog/plan.ts';
import { bootstrap } from '../../../operator/bootstrap/bootstrap.ts';
import { type SecretData, type SecretStore, secretStore } from '../../../operator/bootstrap/secret-store.ts';
import { type FakeKube, startFakeKube } from '../../support/fake-kube/fake-kube.ts';
import {
  ALL_WRITES,
  Killed,
  type WriteWatch,
  aclState,
  allSecrets,
  bootstrapParts,
  watchedConsul,
  watchedStore,
} from '../../unit/operator/bootstrap/parts.ts';
import { type ChartConsul, chartConsul } from './bootstrap-consul.ts';
import { appOf, nodeOf } from './consul-builders.ts';

/** The real Consul as the chart runs it, and an API server that holds Secrets. */
describe('An installation that was bootstrapped', function () {
  this.timeout(120_000);
  let kube: FakeKube;
  let store: SecretStore;
  let server: ChartConsul;
  const open: Consul[] = [];

  const connect = (token: string, caPem: string): Consul => {
    const consul = connectConsul({
      addresses: [server.address],
      serverName: CONSUL_SERVER_NAME,
      caPem,
      token: () => token,
    });
    open.push(consul);
    return consul;
  };
  const secret = async (name: string): Promise<SecretData> => (await store.read(name))!;
  const caPem = async () => (await secret(SECRETS.consulCa))['ca.crt']!;
  const as = async (name: string) => connect((await secret(name))['consul-token']!, await caPem());
  const manager = async () => connect((await secret(SECRETS.consulManagement))['token']!, await caPem());
  const anonymous = async () => connect('', await caPem());

  const run = (watch: WriteWatch = {}): Promise<void> =>
    bootstrap(
      bootstrapParts({
        store: watchedStore(store, watch),
        openConsul: (ca, token) => watchedConsul(connect(token, ca), watch),
        env: { LANDBRIDGE_BOOTSTRAP_PATIENCE_SECONDS: '60' },
      }),
    );

  before(async () => {
    kube = await startFakeKube({
      objects: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'landbridge' } }],
    });
    store = secretStore(kube.client, 'landbridge');
    server = await chartConsul();
  });
  after(async () => {
    for (const consul of open) consul.close();
    await server?.stop();
    await kube?.stop();
  });

  it('was killed after each write and run again, and lost nothing of what it had stored', async () => {
    const died = new Set<string>();
    let stored: Record<string, unknown> = {};
    const killAfterNext: WriteWatch = {
      after(write) {
        if (died.has(write)) return;
        died.add(write);
        throw new Killed(write);
      },
    };
    for (;;) {
      const ended = await run(killAfterNext).then(
        () => 'whole' as const,
        (error: unknown) => error,
      );
      const now = await allSecrets(store);
      for (const [name, data] of Object.entries(stored)) {
        if (data !== undefined) expect(now[name], name).to.include(data);
      }
      stored = now;
      // As the kubelet does it: Consul starts when its Secret is there.
      const certificate = await store.read(SECRETS.consulServer);
      if (certificate !== undefined && server.ended() !== undefined) server.start(certificate);
      if (ended === 'whole') break;
      expect(ended, `${String(ended)}\n${server.log().slice(-2000)}`).to.be.instanceOf(Killed);
    }
    expect([...died]).to.deep.equal([...new Set(ALL_WRITES)]);
  });

  it('is the same after three further runs at once', async () => {
    const { acl } = await manager();
    const [secrets, state] = [await allSecrets(store), await aclState(acl)];
    await Promise.all([run(), run(), run()]);
    expect(await allSecrets(store)).to.deep.equal(secrets);
    expect(await aclState(acl)).to.deep.equal(state);
    const { policies, tokens, rules } = state as { policies: string[]; tokens: object[]; rules: object[] };
    expect(policies).to.deep.equal([
      'landbridge-bridge',
      'landbridge-consul-dns',
      'landbridge-consul-server',
      'landbridge-edge',
      'landbridge-operator',
    ]);
    expect([tokens.length, rules.length]).to.deep.equal([4, 3 + GATEWAY_LINKS]);
  });

  it('has lifted the idle limit of every sidecar, and leaves settings of the mesh that another wrote', async () => {
    const held = async () => (await (await manager()).readConfig('proxy-defaults', 'global'))!;
    expect((await held()).entry['Config']).to.deep.equal({ local_idle_timeout_ms: 0 });
    const theirs = { Kind: 'proxy-defaults', Name: 'global', Config: { protocol: 'tcp' }, Meta: {} } as const;
    const ours = await held();
    const put = async (entry: typeof ours.entry) => {
      const { modifyIndex } = await held();
      await (await manager()).apply([{ op: 'set-config', entry, modifyIndex }]);
    };
    await put(theirs);
    await run();
    expect((await held()).entry['Config']).to.deep.equal(theirs.Config);
    await put({ ...ours.entry, Config: {} });
    await run();
    expect((await held()).entry).to.deep.equal(ours.entry);
  });

  it('lets the server answer DNS, by a token of its own', async () => {
    const known = await eventually(async () => {
      const { code, addresses } = readAnswer(
        await askDns(server.dns, { name: 'consul.service.consul', type: 'A' }, 2000),
      );
      if (addresses.length === 0) throw new Error(code);
      return addresses;
    });
    expect(known).to.deep.equal(['127.0.0.1']);
  });

  it('lets the operator write the nodes of its cluster and intentions, and no others, nor ACLs and keys', async () => {
    const operator = await as(SECRETS.operator);
    expect(await written(operator, 'k8s.lab.shop.sub-svc', 'sub-svc')).to.equal(true);
    expect(await intention(operator, 'sub-svc')).to.equal(true);
    for (const node of ['vm.rack-1.host-1', 'ext.rack-1.db', 'k8s.prod.shop.sub-svc', 'k8s.laboratory.shop.sub-svc']) {
      expect(await written(operator, node, 'sub-svc'), node).to.equal(false);
    }
    await denied(operator.acl.listTokens(), 'acl:read');
    await denied(operator.acl.upsertPolicy({ name: 'mine', description: '', rules: 'acl = "write"' }), 'acl:');
    await denied(operator.kvCas('landbridge/x', 'x', 0), 'key:write');
  });

  it('lets the bridge write outside machines and its keys, and no pods, intentions, ACLs and other keys', async () => {
    const bridge = await as(SECRETS.bridge);
    expect(await written(bridge, 'vm.rack-1.host-1', 'sub-svc')).to.equal(true);
    expect(await written(bridge, 'ext.rack-1.db', 'db')).to.equal(true);
    expect(await written(bridge, 'k8s.lab.shop.other', 'other')).to.equal(false);
    expect(await intention(bridge, 'other')).to.equal(false);
    expect(await bridge.kvCas('landbridge/invites/rack-1/1', '{}', 0)).to.equal(true);
    await denied(bridge.kvCas('other/x', 'x', 0), 'key:write');
    await bridge.destroySession(await bridge.createSession('landbridge-bridge', 10));
    await denied(bridge.acl.listTokens(), 'acl:read');
    const seen = await bridge.readNode('k8s.lab.shop.sub-svc');
    expect(Object.keys(seen?.registrations ?? {}), 'it reads the pods').to.deep.equal(['app-1']);
  });

  for (const name of ['landbridge-operator', 'landbridge-bridge']) {
    it(`gives ${name} a token for one service by login, which can do what that service's proxy does`, async () => {
      const { secretId, expiresAt } = await login(name, name, name);
      expect(Date.parse(expiresAt!) - Date.now()).to.be.within(3_000_000, 3_600_000);
      const token = connect(secretId, await caPem());
      expect(await leaf(secretId, 'sub-svc')).to.equal(200);
      expect(await leaf(secretId, 'add-svc')).to.equal(403);
      expect((await token.health('sub-svc')).length, 'it finds its upstreams').to.be.greaterThan(0);
      // Its own service on a node that is there already: that Consul allows to every token of a service.
      expect(await written(token, 'k8s.lab.shop.sub-svc', 'add-svc')).to.equal(false);
      expect(await written(token, 'k8s.lab.shop.mine', 'sub-svc')).to.equal(false);
      expect(await written(token, 'vm.rack-1.mine', 'sub-svc')).to.equal(false);
      expect(await intention(token, 'add-svc')).to.equal(false);
      await denied(token.kvCas('landbridge/x', 'x', 0), 'key:write');
      await denied(token.acl.listTokens(), 'acl:read');
      await token.logout(secretId);
      await denied(token.readNode('k8s.lab.shop.sub-svc'));
    });
  }

  it('refuses a JWT of the other one, or of nobody', async () => {
    const [operator, bridge] = ['landbridge-operator', 'landbridge-bridge'];
    expect((await caught(login(operator, bridge, operator))).message).to.include('invalid issuer claim');
    expect((await caught(login(operator, operator, bridge))).message).to.match(/no known key successfully validated/);
    expect((await caught(login(bridge, operator, operator))).message).to.match(/no known key successfully validated/);
  });

  it('tells nothing to somebody without a token', async () => {
    const nobody = await anonymous();
    await denied(nobody.agentSelf(), 'agent:read');
    await denied(nobody.kvCas('landbridge/x', 'x', 0), 'key:write');
    await denied(nobody.acl.listTokens(), 'acl:read');
    expect(await written(nobody, 'vm.rack-1.host-2', 'sub-svc')).to.equal(false);
    for (const path of ['/catalog/nodes', '/catalog/services', '/health/service/sub-svc', '/connect/intentions']) {
      const { status, body } = await raw('', path);
      expect([status === 403 || Object.keys(body as object).length === 0, path]).to.deep.equal([true, path]);
    }
  });

  it('answers what the probes ask, without a token', async () => {
    expect((await raw('', '/connect/ca/roots')).status).to.equal(200);
    expect((await raw('', '/status/leader')).status).to.equal(200);
  });

  it('speaks only to those who expect its name and its CA', async () => {
    const stranger = (await secret(SECRETS.bridge))['ca.crt']!;
    const error = await caught(connect('', stranger).leader());
    expect(error.message).to.match(/unable to verify|self.signed|signature/i);
    const plain = openTransport({ addresses: [server.address], scheme: 'http' });
    expect((await caught(plain.send({ method: 'GET', path: '/status/leader' }))).message).to.match(
      /HTTP request to an HTTPS server/,
    );
    plain.close();
  });

  it('keeps its node up to date with a token of its own', () => {
    expect(server.log()).not.to.include('blocked by ACLs');
  });

  it('comes back with its data when its pod has another address', async () => {
    await server.goDown();
    server.start(await secret(SECRETS.consulServer), '127.0.0.2');
    const operator = await as(SECRETS.operator);
    // A leader that has not read its log again yet does not know its ACLs.
    const node = await eventually(() => operator.readNode('k8s.lab.shop.sub-svc'));
    expect(Object.keys(node?.registrations ?? {})).to.deep.equal(['app-1']);
    expect(await operator.leader()).to.match(/^127\.0\.0\.2:/);
    expect(await written(operator, 'k8s.lab.shop.sub-svc', 'sub-svc')).to.equal(true);
    await run();
  });

  it('gets a new token when the Secret of the operator is lost, and the old one ends', async () => {
    const old = await as(SECRETS.operator);
    await kube.client.request('DELETE', `/api/v1/namespaces/landbridge/secrets/${SECRETS.operator}`);
    await run();
    expect(await written(await as(SECRETS.operator), 'k8s.lab.shop.sub-svc', 'sub-svc')).to.equal(true);
    await denied(old.readNode('k8s.lab.shop.sub-svc'));
    const name = 'landbridge-operator';
    expect((await login(name, name, name)).secretId, 'Consul knows the new signing key').not.to.equal('');
  });

  it('says what to do when the Secret of the management token is lost', async () => {
    await kube.client.request('DELETE', `/api/v1/namespaces/landbridge/secrets/${SECRETS.consulManagement}`);
    expect((await caught(run())).message).to.include('put the former one back into the Secret');
  });

  /** Whether a token may put an instance of a service on a node. */
  async function written(consul: Consul, node: string, service: string): Promise<boolean> {
    const change: Change = { op: 'register', node: nodeOf(node), registration: appOf('app-1', service) };
    return ok(consul, change);
  }

  async function intention(consul: Consul, service: string): Promise<boolean> {
    const entry = {
      Kind: 'service-intentions' as const,
      Name: service,
      Meta: { [OWNER_META]: 'tester' },
      Sources: [{ Name: 'frontend', Action: 'allow', Type: 'consul', Precedence: 9 }],
    };
    return ok(consul, { op: 'set-config', entry, modifyIndex: 0 });
  }

  async function ok(consul: Consul, change: Change): Promise<boolean> {
    const [outcome] = await consul.apply([change]);
    if (outcome!.ok) return true;
    expect(outcome!.error).to.match(/denied/i);
    return false;
  }

  /** Logs in for sub-svc: at an auth method, as an issuer, with the key of a third. */
  async function login(method: string, issuer: string, keyOf: string) {
    const signingKeyPem = (await secret(keyOf))['signing.key']!;
    const nowSeconds = Math.floor(Date.now() / 1000);
    const jwt = serviceJwt({ signingKeyPem, issuer, service: 'sub-svc', nowSeconds });
    return (await anonymous()).login(method, jwt);
  }

  async function raw(token: string, path: string) {
    const transport = openTransport({
      addresses: [server.address],
      serverName: CONSUL_SERVER_NAME,
      caPem: await caPem(),
      token: () => token,
    });
    try {
      return await transport.send({ method: 'GET', path, accept: [403, 404, 500] });
    } finally {
      transport.close();
    }
  }

  /** Asks for a service's mesh certificate, which is what its proxy lives on. */
  const leaf = async (token: string, service: string) => (await raw(token, `/agent/connect/ca/leaf/${service}`)).status;
});

const caught = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.fail('it was not refused') as never,
    (error: unknown) => error as Error,
  );

async function denied(promise: Promise<unknown>, permission = ''): Promise<void> {
  const error = await caught(promise);
  expect(error, error.message).to.be.instanceOf(ConsulDenied);
  expect((error as ConsulDenied).permission ?? '').to.include(permission);
}

async function eventually<T>(task: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await task();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((next) => setTimeout(next, 50));
    }
  }
}
