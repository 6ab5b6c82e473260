import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { AclAuthMethod, Consul } from '../../../clients/consul/consul.ts';
import { ConsulDenied, ConsulRefused } from '../../../clients/consul/errors.ts';
import { JWT_AUDIENCE, serviceJwt } from '../../../clients/consul/service-token.ts';
import { appOf, errorsOf, nodeWith } from './consul-builders.ts';
import type { ConsulUnderTest } from './consul-under-test.ts';

const caught = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.fail('it was not refused') as never,
    (error: unknown) => error as Error,
  );

export function aclContract(given: () => ConsulUnderTest): void {
  let consul: Consul;
  before(() => void (consul = given().connect()));

  /** A token that may do what `rules` say, and a client that sends it. */
  async function tokenWith(name: string, rules: string): Promise<{ secretId: string; client: Consul }> {
    const secretId = randomUUID();
    await consul.acl.upsertPolicy({ name, description: '', rules });
    await consul.acl.upsertToken({ accessorId: randomUUID(), secretId, description: name, policies: [name] });
    return { secretId, client: given().connect(secretId) };
  }

  it('knows that the cluster was bootstrapped before', async () => {
    expect(await given().connect('').acl.bootstrap(randomUUID())).to.equal('already');
  });

  it('makes a policy and a token, changes them, and makes nothing twice', async () => {
    const policy = { name: 'twice', description: 'first', rules: 'service_prefix "" { policy = "read" }' };
    const { id } = await consul.acl.upsertPolicy(policy);
    const changed = { ...policy, description: 'second' };
    for (const again of [policy, changed, changed]) expect(await consul.acl.upsertPolicy(again)).to.deep.equal({ id });
    expect(await consul.acl.listPolicies('twice')).to.deep.equal([{ id, name: 'twice' }]);

    const token = { accessorId: randomUUID(), secretId: randomUUID(), description: 'twice', policies: ['twice'] };
    for (const again of [token, token, { ...token, description: 'thrice' }]) await consul.acl.upsertToken(again);
    const held = await consul.acl.listTokens({ policy: 'twice' });
    const { accessorId } = token;
    expect(held).to.deep.equal([
      { accessorId, description: 'thrice', policies: ['twice'], authMethod: undefined, expiresAt: undefined },
    ]);
    const moved = await caught(consul.acl.upsertToken({ ...token, secretId: randomUUID() }));
    expect(moved).to.be.instanceOf(ConsulRefused);

    expect(await consul.acl.deleteToken(accessorId)).to.equal(true);
    expect(await consul.acl.deletePolicy('twice')).to.equal(true);
    expect(await consul.acl.deletePolicy('twice')).to.equal(false);
    expect(await consul.acl.listTokens({ policy: 'twice' })).to.deep.equal([]);
  });

  it('names the permission that a token lacks, change by change, and does what it may', async () => {
    const { client, secretId } = await tokenWith(
      'narrow',
      'node_prefix "k8s.t.narrow" { policy = "write" } service "mine" { policy = "write" } key_prefix "mine/" { policy = "write" }',
    );
    const { changes } = nodeWith('k8s.t.narrow', appOf('mine-1', 'mine'), appOf('yours-1', 'yours'));
    const outcomes = await client.apply([...changes, { op: 'delete-node', node: 'k8s.t.shop.sub' }]);
    expect(outcomes.map((outcome) => outcome.ok)).to.deep.equal([true, false, false]);
    expect(errorsOf(outcomes)[1]).to.match(/service:write on "yours"/);
    expect(errorsOf(outcomes)[2]).to.match(/node:write on "k8s.t.shop.sub"/);

    const denied = await caught(client.kvCas('yours/x', 'x', 0));
    expect(denied).to.be.instanceOf(ConsulDenied);
    expect(denied).to.include({ kind: 'fix', permission: 'key:write on "yours/x"' });
    expect(denied.message).not.to.include(secretId);
    expect(await client.kvCas('mine/x', 'x', 0)).to.equal(true);
    await consul.kvCas('yours/spent', 'x', 0);
    const { modifyIndex } = (await consul.kvGet('yours/spent'))!;
    expect(await caught(client.kvDelete('yours/spent', modifyIndex))).to.be.instanceOf(ConsulDenied);
  });

  it('does not take what Consul hides from a token for what is not there', async () => {
    const { entry, changes } = nodeWith('k8s.t.hidden', appOf('hidden-1', 'hidden'), appOf('shown-1', 'shown'));
    await consul.apply(changes);
    const { client: noNodes } = await tokenWith('no-nodes', 'service_prefix "" { policy = "read" }');
    const { client: half } = await tokenWith(
      'half',
      'node_prefix "" { policy = "read" } service "shown" { policy = "read" }',
    );
    for (const client of [noNodes, half, given().connect('')]) {
      const denied = await caught(client.readNode('k8s.t.hidden'));
      expect(denied).to.be.instanceOf(ConsulDenied);
      expect(denied.message).to.match(/node:read/);
    }
    const { client: reader } = await tokenWith(
      'reader',
      'node_prefix "" { policy = "read" } service_prefix "" { policy = "read" }',
    );
    expect(await reader.readNode('k8s.t.hidden')).to.deep.equal(entry);
  });

  it('denies a token that Consul does not know, without showing it', async () => {
    const unknown = randomUUID();
    const client = given().connect(unknown);
    for (const attempt of [
      () => client.readNode('k8s.t.shop.sub'),
      () => client.kvCas('x', 'y', 0),
      () => client.services(),
    ]) {
      const denied = await caught(attempt());
      expect(denied).to.be.instanceOf(ConsulDenied);
      expect(denied.message)
        .to.match(/does not know the token/)
        .and.not.include(unknown);
    }
    const [outcome] = await client.apply([{ op: 'delete-node', node: 'k8s.t.shop.sub' }]);
    expect(errorsOf([outcome!])[0]).to.match(/does not know the token/);
  });

  it('asks for the token at each request, so that a rotated one is used at once', async () => {
    let secret = randomUUID() as string;
    const client = given().connect(() => secret);
    await caught(client.kvGet('rotated'));
    secret = given().management;
    expect(await client.kvGet('rotated')).to.equal(undefined);
  });

  describe('logging in with a JWT of our own', () => {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signingKeyPem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const method: AclAuthMethod = {
      name: 'landbridge-test',
      type: 'jwt',
      maxTokenTtl: '10m0s',
      config: {
        JWTValidationPubKeys: [keys.publicKey.export({ type: 'spki', format: 'pem' }).toString()],
        JWTSupportedAlgs: ['ES256'],
        BoundIssuer: 'tester',
        BoundAudiences: [JWT_AUDIENCE],
        ClaimMappings: { service: 'service', link: 'link' },
      },
    };
    const jwt = (issuer = 'tester'): string =>
      serviceJwt({ signingKeyPem, issuer, service: 'add-svc', nowSeconds: Math.floor(Date.now() / 1000) });

    before(async () => {
      for (let twice = 0; twice < 2; twice++) {
        await consul.acl.upsertAuthMethod(method);
        await consul.acl.upsertBindingRule({
          description: 'one service a token',
          authMethod: method.name,
          selector: '',
          bindType: 'service',
          bindName: '${value.service}',
        });
      }
      expect(await consul.acl.listBindingRules(method.name)).to.have.length(1);
    });

    it('gives a token that may do what its service may, and ends', async () => {
      const login = await given().connect('').login(method.name, jwt());
      const lifeMs = Date.parse(login.expiresAt!) - Date.now();
      expect(lifeMs).to.be.within(9 * 60_000, 10 * 60_000 + 1000);
      const client = given().connect(login.secretId);
      expect(await client.services()).to.be.an('array');
      const node = nodeWith('k8s.t.login', appOf('add-1', 'add-svc'), appOf('sub-9', 'sub-svc'));
      await consul.apply([{ op: 'set-node', node: node.entry }]);
      expect((await client.apply(node.changes)).map((outcome) => outcome.ok)).to.deep.equal([true, false]);
    });

    it('gives a token that stands for a second service where a rule says so, and the JWT names one', async () => {
      const rule = await consul.acl.upsertBindingRule({
        description: 'and another',
        authMethod: method.name,
        selector: 'value.service == "add-svc" and value.link != ""',
        bindType: 'service',
        bindName: '${value.link}',
      });
      const node = nodeWith('k8s.t.links', appOf('sub-10', 'sub-svc'));
      await consul.apply([{ op: 'set-node', node: node.entry }]);
      const nowSeconds = Math.floor(Date.now() / 1000);
      const mayWrite = async (service: string, claims: Record<string, string>): Promise<boolean | undefined> => {
        const token = serviceJwt({ signingKeyPem, issuer: 'tester', service, claims, nowSeconds });
        const { secretId } = await given().connect('').login(method.name, token);
        return (await given().connect(secretId).apply(node.changes))[0]?.ok;
      };
      expect(await mayWrite('add-svc', { link: '' })).to.equal(false);
      expect(await mayWrite('add-svc', { link: 'sub-svc' })).to.equal(true);
      expect(await mayWrite('other', { link: 'sub-svc' })).to.equal(false);
      expect(await mayWrite('other', { service: 'sub-svc' })).to.equal(false);
      // A missing key differs from the empty text.
      const lacking = await caught(mayWrite('add-svc', {}));
      expect(lacking.message).to.match(/invalid bind name/);
      await consul.acl.deleteBindingRule(rule.id);
    });

    it('logs out with the token alone, for good, and twice does no harm', async () => {
      const anonymous = given().connect('');
      const { secretId, accessorId } = await anonymous.login(method.name, jwt());
      const held = await consul.acl.listTokens({ authMethod: method.name });
      expect(held.map((token) => token.accessorId)).to.include(accessorId);
      await anonymous.logout(secretId);
      await anonymous.logout(secretId);
      expect(await caught(given().connect(secretId).services())).to.be.instanceOf(ConsulDenied);
    });

    it('knows a token by its secret until it has ended', async () => {
      const anonymous = given().connect('');
      const { secretId } = await anonymous.login(method.name, jwt());
      expect(await consul.knowsToken(secretId)).to.equal(true);
      await anonymous.logout(secretId);
      expect(await consul.knowsToken(secretId)).to.equal(false);
      expect(await consul.knowsToken('6b0e1f5c-0000-4000-8000-000000000000')).to.equal(false);
    });

    it('refuses a JWT of another issuer or key, without showing it', async () => {
      const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
      const forged = serviceJwt({
        signingKeyPem: stranger.export({ type: 'pkcs8', format: 'pem' }).toString(),
        issuer: 'tester',
        service: 'add-svc',
        nowSeconds: Math.floor(Date.now() / 1000),
      });
      for (const bad of [jwt('stranger'), forged]) {
        const denied = await caught(given().connect('').login(method.name, bad));
        expect(denied).to.be.instanceOf(ConsulRefused).and.include({ kind: 'fix' });
        expect(denied.message)
          .to.match(/issuer|signature/)
          .and.not.include(bad);
      }
    });

    it('ends every token of an auth method that is deleted', async () => {
      const { secretId } = await given().connect('').login(method.name, jwt());
      expect(await consul.acl.deleteAuthMethod(method.name)).to.equal(true);
      expect(await caught(given().connect(secretId).services())).to.be.instanceOf(ConsulDenied);
      expect(await consul.acl.listBindingRules(method.name)).to.deep.equal([]);
    });
  });
}
