import { expect } from 'chai';
import { createAuthority } from '../../../clients/pki/authority.ts';
import { connectConsul } from '../../../clients/consul/connect.ts';
import type { Consul } from '../../../clients/consul/consul.ts';
import { serviceJwt } from '../../../clients/consul/service-token.ts';
import { EDGE_SERVICE } from '../../../crds/expose.ts';
import { GATEWAY_SERVICE } from '../../../crds/gateway.ts';
import { edgeOwner } from '../../../mesh/gateways/edge.ts';
import { SECRETS } from '../../../mesh/installation/installation.ts';
import { CONFIG_KINDS, EDGE_KINDS, GATEWAY_KINDS, OWNER_META } from '../../../mesh/catalog/entry.ts';
import { gatewayOwner } from '../../../mesh/gateways/terminating.ts';
import { bootstrap } from '../../../operator/bootstrap/bootstrap.ts';
import { clusterClaim } from '../../../operator/catalog/cluster-claim.ts';
import { removeFromConsul } from '../../../operator/bootstrap/remove.ts';
import { type RealConsul, startConsul } from '../../support/real/consul.ts';
import { aclState, bootstrapParts, memoryStore } from '../../unit/operator/bootstrap/parts.ts';
import { nodeOf } from './consul-builders.ts';

/** Real servers with TLS and ACLs that an installation finds, and leaves. */
describe('An external Consul', function () {
  this.timeout(120_000);
  let server: RealConsul;
  let admin: Consul;
  before(async () => {
    server = await startConsul({ acl: true, tls: true });
    admin = server.connect();
    await admin.acl.upsertPolicy({ name: 'theirs', description: 'not ours', rules: 'key "a" { policy = "read" }' });
  });
  after(async () => {
    admin?.close();
    await server?.stop();
  });

  interface Given {
    token?: string;
    caPem?: string;
    /** `host:port`, with a comma between several. */
    address?: string;
    serverName?: string;
    manageAcls?: boolean;
    cluster?: string;
  }
  const addressOf = ({ address }: Given): string => address ?? server.address;
  const opener = (given: Given) => (caPem: string, token: string, requestTimeoutMs?: number) =>
    connectConsul({
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
      addresses: addressOf(given).split(','),
      serverName: given.serverName ?? server.serverName,
      caPem,
      token: () => token,
    });
  const run = (given: Given, store = memoryStore()) =>
    bootstrap(
      bootstrapParts({
        store,
        openConsul: opener(given),
        readExternal: () => ({ caPem: given.caPem ?? server.caPem!, token: given.token ?? server.token! }),
        env: {
          LANDBRIDGE_CONSUL_EXTERNAL: 'true',
          LANDBRIDGE_CONSUL_HTTP: addressOf(given),
          LANDBRIDGE_CLUSTER: given.cluster ?? 'lab',
          LANDBRIDGE_CONSUL_MANAGE_ACLS: String(given.manageAcls ?? true),
        },
      }),
    );
  const everything = async () => ({
    acl: await aclState(admin.acl),
    tokens: (await admin.acl.listTokens()).map(({ accessorId }) => accessorId).sort(),
    policies: (await admin.acl.listPolicies()).map(({ name }) => name).sort(),
    nodes: (await admin.listNodes('')).map(({ name }) => name),
    keys: await admin.kvList(''),
    config: await Promise.all([...CONFIG_KINDS, ...EDGE_KINDS, ...GATEWAY_KINDS].map((kind) => admin.listConfig(kind))),
  });

  const weak = '11111111-2222-4333-8444-555555555555';
  const wrong: [what: string, given: () => Given | Promise<Given>, says: RegExp][] = [
    [
      'an unknown token',
      () => ({ token: '99999999-2222-4333-8444-555555555555' }),
      /^the token of externalConsul\.token cannot be used, it needs acl:write: .*does not know the token/,
    ],
    [
      'a token that may do too little',
      () => ({ token: weak }),
      /^the token of externalConsul\.token cannot be used, it needs acl:write: .*is lacking/,
    ],
    [
      'another CA',
      async () => ({ caPem: (await createAuthority('other', { nowMs: Date.now(), days: 1 })).certPem }),
      /^the certificate is not the one expected: check externalConsul\.ca/,
    ],
    [
      'another server name',
      () => ({ serverName: 'server.dc9.consul' }),
      /check externalConsul\.ca and externalConsul\.serverName/,
    ],
    [
      'an address where nobody listens',
      () => ({ address: '127.0.0.1:9' }),
      /^no server answers there: check externalConsul\.addresses/,
    ],
    [
      'an address that leads nowhere',
      () => ({ address: '192.0.2.1:8501' }),
      /^no server answers there: check externalConsul\.addresses/,
    ],
    [
      'three addresses that lead nowhere',
      () => ({ address: '192.0.2.1:8501,192.0.2.2:8501,192.0.2.3:8501' }),
      /^no server answers there: check externalConsul\.addresses/,
    ],
    ['ACLs to be made by hand that nobody made', () => ({ manageAcls: false }), /make.* by hand|made by hand/],
  ];
  for (const [what, given, says] of wrong) {
    it(`is refused with ${what} in one message, soon, and nothing is changed`, async () => {
      await admin.acl.upsertToken({
        accessorId: '11111111-2222-4333-8444-666666666666',
        secretId: weak,
        description: 'weak',
        policies: ['theirs'],
      });
      const before = await everything();
      const store = memoryStore();
      const start = performance.now();
      const error = await run(await given(), store).catch((failed: unknown) => failed);
      expect((error as Error).message)
        .to.match(says)
        .and.not.include('\n');
      expect(performance.now() - start).to.be.below(10_000);
      expect(await everything()).to.deep.equal(before);
      if (!what.startsWith('ACLs')) expect([...store.all]).to.deep.equal([]);
    });
  }

  it('is used, used again without a change, and left as it was found', async () => {
    const before = await everything();
    const store = memoryStore();
    await run({}, store);
    const [made, secrets] = [await everything(), JSON.stringify([...store.all])];
    await run({}, store);
    expect(await everything()).to.deep.equal(made);
    expect(JSON.stringify([...store.all])).to.equal(secrets);
    expect(store.all.has(SECRETS.consulManagement)).to.equal(false);
    expect(secrets).not.to.include(server.token);

    const held = store.all.get(SECRETS.operator)!;
    const operator = server.connect(held['consul-token']);
    const jwt = serviceJwt({
      signingKeyPem: held['signing.key']!,
      issuer: 'landbridge-operator',
      service: 'web',
      nowSeconds: Date.now() / 1000,
    });
    await operator.login('landbridge-operator', jwt);
    const node = { ...nodeOf('k8s.lab.shop.web'), Meta: { [OWNER_META]: 'k8s/lab/shop/web' } };
    const outcomes = await operator.apply([
      { op: 'set-node', node },
      {
        op: 'set-config',
        modifyIndex: 0,
        entry: { Kind: 'service-defaults', Name: 'web', Protocol: 'http', Meta: { [OWNER_META]: 'k8s/lab/shop/web' } },
      },
      {
        op: 'set-config',
        modifyIndex: 0,
        entry: {
          Kind: 'terminating-gateway',
          Name: GATEWAY_SERVICE,
          Services: [{ Name: 'web' }],
          Meta: { [OWNER_META]: gatewayOwner('lab') },
        },
      },
      {
        op: 'set-config',
        modifyIndex: 0,
        entry: {
          Kind: 'api-gateway',
          Name: EDGE_SERVICE,
          Listeners: [{ Name: 'http', Port: 8080, Protocol: 'http' }],
          Meta: { [OWNER_META]: edgeOwner('lab') },
        },
      },
    ] as never);
    expect(outcomes.map(({ ok }) => ok)).to.deep.equal([true, true, true, true]);
    const claim = { consul: operator, cluster: 'lab', trustMs: 0, steadyMs: () => 0 };
    await clusterClaim({ ...claim, clusterUid: () => Promise.resolve('one') }).hold();
    expect((await admin.listNodes('k8s.')).map(({ name }) => name)).to.include('k8s.lab.cluster');
    operator.close();
    const bridge = server.connect(store.all.get(SECRETS.bridge)!['consul-token']);
    await bridge.kvCas('landbridge/invites/a', 'x', 0);
    bridge.close();

    await removeFromConsul(admin, (token) => server.connect(token), 'lab');
    expect(await everything()).to.deep.equal(before);
    expect(await removeFromConsul(admin, (token) => server.connect(token), 'lab')).to.equal(0);
  });

  it('is not taken from another cluster that uses it', async () => {
    const first = memoryStore();
    await run({ cluster: 'east' }, first);
    const before = await everything();
    const error = await run({ cluster: 'west' }).catch((failed: unknown) => failed);
    expect((error as Error).message).to.match(
      /serve another installation already \("Held by landbridge-\w+ of east\."/,
    );
    expect(await everything()).to.deep.equal(before);
    await removeFromConsul(admin, (token) => server.connect(token), 'east');
  });
});
