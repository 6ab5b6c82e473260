import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import type { Consul, Login } from '../../../../clients/consul/consul.ts';
import type { KubeObject } from '../../../../clients/kube/object.ts';
import { secrets } from '../../../../clients/kube/resources.ts';
import { targetOf } from '../../../../operator/sidecar-secret/secret-target.ts';
import { sidecarSecrets } from '../../../../operator/sidecar-secret/sidecar-secret.ts';
import { aMeshService } from '../../../support/builders.ts';
import { type FakeKube, startFakeKube } from '../../../support/fake-kube/fake-kube.ts';

const HOUR_MS = 3_600_000;
const signingKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

describe('the Secret of the sidecars', () => {
  let kube: FakeKube;
  let nowMs: number;
  let caPem = 'PEM';
  let logins: string[];
  let ended: string[];
  /** Tokens that Consul has lost, and tokens that it was asked for. */
  let lost: string[];
  let asked: string[];
  const consul: Pick<Consul, 'login' | 'logout' | 'knowsToken'> = {
    async knowsToken(secretId) {
      asked.push(secretId);
      return !lost.includes(secretId);
    },
    async login(_method, jwt): Promise<Login> {
      const claims = JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString()) as Record<string, string>;
      const links = Object.keys(claims).filter((claim) => claim.startsWith('link'));
      logins.push([claims['service'], ...links.map((claim) => claims[claim])].join(' ').trim());
      return {
        accessorId: 'a',
        secretId: `token-${logins.length}`,
        expiresAt: new Date(nowMs + HOUR_MS).toISOString(),
      };
    },
    logout: async (secretId) => void ended.push(secretId),
  };
  /** Undefined: the name of Consul was not found yet. */
  let addresses: string[] | undefined;
  const keeper = () =>
    sidecarSecrets({
      kube: kube.client,
      consul,
      cluster: 'lab',
      datacenter: 'dc1',
      consulGrpc: { host: 'consul', port: 8503 },
      consulAddresses: async () => addresses,
      serverName: 'server.dc1.consul',
      consulCaPem: () => caPem,
      signingKeyPem: () => signingKey,
      nowMs: () => nowMs,
    });
  const held = async (): Promise<Record<string, string> | undefined> => {
    const secret = await kube.client.get<KubeObject & { data: Record<string, string> }>(
      secrets,
      'web-landbridge',
      'shop',
    );
    const text = ([key, value]: [string, string]) => [key, Buffer.from(value, 'base64').toString()];
    return secret === undefined ? undefined : Object.fromEntries(Object.entries(secret.data).map(text));
  };

  beforeEach(async () => {
    kube = await startFakeKube({ objects: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }] });
    nowMs = Date.parse('2026-01-01T00:00:00Z');
    logins = [];
    caPem = 'PEM';
    addresses = [];
    ended = [];
    lost = [];
    asked = [];
  });
  afterEach(() => kube.stop());

  it('holds bootstrap, CA and a token for the service, and is written once', async () => {
    const kept = keeper();
    await kept.keep(targetOf(aMeshService('web', { service: 'shop-web' })));
    kube.requests.length = 0;
    await kept.keep(targetOf(aMeshService('web', { service: 'shop-web' })));
    expect(kube.requests).to.deep.equal([]);
    expect(logins).to.deep.equal(['shop-web']);
    expect(await held()).to.include({ token: 'token-1' });
    expect((await held())?.['token.json']).to.contain('token-1');
    expect((await held())?.['ca.json']).to.contain('PEM');
  });

  it('keeps the addresses of Consul that it holds until they can be looked up, and is not written for that', async () => {
    addresses = ['10.96.0.9', 'fd00::9'];
    await keeper().keep(targetOf(aMeshService('web')));
    const before = await held();
    expect(before?.['bootstrap.json'], 'the name of the file').to.contain('10.96.0.9');
    addresses = undefined;
    const next = keeper();
    kube.requests.length = 0;
    expect(await next.keep(targetOf(aMeshService('web'))), 'by a new leader').to.equal(false);
    next.doubt('shop', 'web');
    expect(await next.keep(targetOf(aMeshService('web')))).to.equal(false);
    expect(kube.requests.filter(({ method }) => method !== 'GET')).to.deep.equal([]);
    caPem = 'PEM2';
    await next.keep(targetOf(aMeshService('web')));
    expect((await held())?.['bootstrap.json'], 'when something else changes').to.equal(before?.['bootstrap.json']);
    addresses = ['10.96.0.9', 'fd00::9'];
    expect(await next.keep(targetOf(aMeshService('web'))), 'when they are found as they were').to.equal(false);
    addresses = ['10.96.0.10'];
    expect(await next.keep(targetOf(aMeshService('web')))).to.equal(true);
    expect((await held())?.['bootstrap.json'])
      .to.contain('10.96.0.10')
      .and.not.to.contain('10.96.0.9');
  });

  it('is made without addresses when none are known and none are held', async () => {
    addresses = undefined;
    const kept = keeper();
    expect(await kept.keep(targetOf(aMeshService('web')))).to.equal(true);
    expect((await held())?.['token']).to.equal('token-1');
    addresses = ['10.96.0.9'];
    expect(await kept.keep(targetOf(aMeshService('web')))).to.equal(true);
  });

  it('gets a token for all linked services, and ends one with a name too many once nobody uses it', async () => {
    const kept = keeper();
    const gateway = { ...targetOf(aMeshService('web')), streamSeconds: 30 };
    await kept.keep({ ...gateway, links: ['db', 'queue'] });
    await kept.keep({ ...gateway, links: ['db', 'queue'] });
    expect(logins).to.deep.equal(['web db queue']);
    expect((await held())!['bootstrap.json']).to.include('"max_stream_duration":"30s"');
    // Another life of the operator finds it again.
    const next = keeper();
    await next.keep({ ...gateway, links: ['db', 'queue'] });
    expect(logins).to.have.length(1);
    await next.keep({ ...gateway, links: ['db'] });
    expect(logins).to.deep.equal(['web db queue', 'web db']);
    nowMs += 179_000;
    await next.keep({ ...gateway, links: ['db'] });
    expect(ended).to.deep.equal([]);
    nowMs += 1000;
    await next.keep({ ...gateway, links: ['db'] });
    await next.keep({ ...gateway, links: ['db'] });
    expect(ended).to.deep.equal(['token-1']);
    expect(await held()).to.include({ token: 'token-2' });
  });

  it('gets a new token at half of its life, and not before; the old one is left to expire', async () => {
    const kept = keeper();
    await kept.keep(targetOf(aMeshService('web')));
    nowMs += HOUR_MS / 2 - 1;
    await kept.keep(targetOf(aMeshService('web')));
    expect(logins).to.have.length(1);
    nowMs += 1;
    await kept.keep(targetOf(aMeshService('web')));
    expect(await held()).to.include({ token: 'token-2' });
    expect(ended).to.deep.equal([]);
  });

  it('goes on with the token of the Secret after a restart of the operator', async () => {
    await keeper().keep(targetOf(aMeshService('web')));
    nowMs += HOUR_MS / 4;
    await keeper().keep(targetOf(aMeshService('web')));
    expect(logins).to.have.length(1);
  });

  it('is made again when somebody deleted it and it is doubted', async () => {
    const kept = keeper();
    await kept.keep(targetOf(aMeshService('web')));
    await kube.client.delete(secrets, 'web-landbridge', 'shop');
    kept.doubt('shop', 'web');
    await kept.keep(targetOf(aMeshService('web')));
    expect(await held()).to.include({ token: 'token-1' });
  });

  it('gets another token when Consul has lost the one it holds', async () => {
    const kept = keeper();
    await kept.keep(targetOf(aMeshService('web')));
    kept.forget('shop', 'web');
    await kept.keep(targetOf(aMeshService('web')));
    expect(await held()).to.include({ token: 'token-2' });
  });

  it('asks Consul for the youngest token alone while that one is known', async () => {
    const kept = keeper();
    await kept.keep(targetOf(aMeshService('api')));
    nowMs += 1000;
    await kept.keep(targetOf(aMeshService('web')));
    expect(await kept.prove()).to.deep.equal([]);
    expect(asked).to.deep.equal(['token-2']);
  });

  it('finds each token that is gone when the youngest is, and gets new ones for those alone', async () => {
    const kept = keeper();
    await kept.keep(targetOf(aMeshService('api')));
    nowMs += 1000;
    await kept.keep(targetOf(aMeshService('web')));
    lost = ['token-2'];
    expect(await kept.prove()).to.deep.equal(['shop/web']);
    await kept.keep(targetOf(aMeshService('web')));
    await kept.keep(targetOf(aMeshService('api')));
    expect(await held()).to.include({ token: 'token-3' });
    expect(logins).to.deep.equal(['api', 'web', 'web']);
  });

  it('forgets no token when some could not be asked for, so that the youngest goes on telling', async () => {
    const kept = keeper();
    await kept.keep(targetOf(aMeshService('api')));
    nowMs += 1000;
    await kept.keep(targetOf(aMeshService('web')));
    lost = ['token-2'];
    const { knowsToken } = consul;
    consul.knowsToken = async (secretId) => {
      if (secretId === 'token-1') throw new Error('away');
      return knowsToken(secretId);
    };
    const problem = await kept.prove().catch((error: Error) => error.message);
    consul.knowsToken = knowsToken;
    expect(problem).to.equal('away');
    expect(await kept.prove()).to.deep.equal(['shop/web']);
  });

  it('brings no dead token back when the Secret alone was deleted', async () => {
    const kept = keeper();
    await kept.keep(targetOf(aMeshService('web')));
    lost = ['token-1'];
    await kube.client.delete(secrets, 'web-landbridge', 'shop');
    kept.doubt('shop', 'web');
    await kept.keep(targetOf(aMeshService('web')));
    expect(await held()).to.include({ token: 'token-2' });
  });

  it('takes no dead token out of the Secret when the operator alone was started again', async () => {
    await keeper().keep(targetOf(aMeshService('web')));
    lost = ['token-1'];
    await keeper().keep(targetOf(aMeshService('web')));
    expect(await held()).to.include({ token: 'token-2' });
  });

  it('asks at most once in five minutes for a token whose Secret is read in each period', async () => {
    const kept = keeper();
    for (let period = 0; period < 20; period++) {
      await kept.keep(targetOf(aMeshService('web')));
      kept.doubt('shop', 'web');
      nowMs += 30_000;
    }
    expect(asked).to.have.length(1);
  });

  it('goes with its token, also by an operator that did not make it, and asks only once', async () => {
    await keeper().keep(targetOf(aMeshService('web')));
    const another = keeper();
    await another.remove('shop', 'web');
    expect(ended).to.deep.equal(['token-1']);
    expect(await held()).to.equal(undefined);
    kube.requests.length = 0;
    await another.remove('shop', 'web');
    expect(kube.requests).to.deep.equal([]);
  });

  it('touches no Secret that somebody else made in its place, and says what to do', async () => {
    const data = { password: Buffer.from('theirs').toString('base64') };
    const theirs = await kube.client.create(secrets, { metadata: { name: 'web-landbridge', namespace: 'shop' }, data });
    const kept = keeper();
    const failure = await kept.keep(targetOf(aMeshService('web'))).catch((error: unknown) => error as Error);
    expect(String(failure)).to.match(/Secret shop\/web-landbridge .* was not touched: rename or delete it/);
    await kept.remove('shop', 'web');
    expect(await kube.client.get(secrets, 'web-landbridge', 'shop')).to.deep.equal(theirs);
    expect(logins).to.deep.equal([]);
  });

  it('asks for no token and writes nothing when doubt finds the Secret as it was', async () => {
    const kept = keeper();
    await kept.keep(targetOf(aMeshService('web')));
    kept.doubt('shop', 'web');
    kube.requests.length = 0;
    await kept.keep(targetOf(aMeshService('web')));
    expect(kube.requests.map(({ method }) => method)).to.deep.equal(['GET']);
    expect(logins).to.have.length(1);
  });

  it('gets a new token when the clock, which had jumped ahead, is set back', async () => {
    const realMs = nowMs;
    nowMs = realMs + 100 * 24 * HOUR_MS;
    const kept = keeper();
    await kept.keep(targetOf(aMeshService('web')));
    nowMs = realMs;
    await kept.keep(targetOf(aMeshService('web')));
    expect(await held()).to.include({ token: 'token-2' });
    await kept.keep(targetOf(aMeshService('web')));
    expect(logins).to.have.length(2);
  });

  it('is written again for another CA, and not for another object that asks for the same', async () => {
    const secretsOf = keeper();
    await secretsOf.keep(targetOf(aMeshService('web')));
    await kube.client.delete(secrets, 'web-landbridge', 'shop');
    await secretsOf.keep(targetOf(aMeshService('web')));
    expect(await held(), 'nothing differs, so nothing was written').to.equal(undefined);
    caPem = 'ANOTHER';
    await secretsOf.keep(targetOf(aMeshService('web')));
    expect((await held())!['ca.json']).to.contain('ANOTHER');
  });
});
