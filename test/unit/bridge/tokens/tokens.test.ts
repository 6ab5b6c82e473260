import { expect } from 'chai';
import pino from 'pino';
import { makeKey } from '../../../../agent/state/certificate.ts';
import { type TokenVault, openTokenVault } from '../../../../bridge/tokens/vault.ts';
import { type Tokens, createTokens } from '../../../../bridge/tokens/tokens.ts';
import { ConsulUnavailable } from '../../../../clients/consul/errors.ts';
import { type FakeConsul, fakeConsul } from '../../../support/fake-consul/fake-consul.ts';
import { type FakeClock, fakeClock } from '../fake-clock.ts';

const VM = { site: 'rack-1', host: 'vm1' };

describe('the tokens of hosts', () => {
  let clock: FakeClock;
  let fake: FakeConsul;
  let vault: TokenVault;
  let tokens: Tokens;
  let logins: { service: string; finish: () => void }[];
  let ended: string[];
  let lost: string[];
  let asked: string[];
  let available: boolean;
  let member: boolean;
  let signingKeyPem: string;

  before(async () => {
    signingKeyPem = await makeKey();
  });

  beforeEach(() => {
    clock = fakeClock();
    fake = fakeConsul();
    vault = openTokenVault(fake.consul, signingKeyPem);
    [logins, ended, available, member] = [[], [], true, true];
    [lost, asked] = [[], []];
    tokens = createTokens({
      consul: {
        login: (_method, jwt) =>
          new Promise((resolve) => {
            const { service } = JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString()) as {
              service: string;
            };
            const expiresAt = new Date(clock.now() + 3_600_000).toISOString();
            const number = logins.length + 1;
            const finish = (): void =>
              resolve({ accessorId: `accessor-${number}`, secretId: `${service}-${number}`, expiresAt });
            logins.push({ service, finish });
          }),
        knowsToken: async (secretId) => {
          if (!available) throw new ConsulUnavailable('no');
          asked.push(secretId);
          return !lost.includes(secretId);
        },
        logout: async (secretId) => {
          if (!available) throw new ConsulUnavailable('no');
          ended.push(secretId);
        },
      },
      vault,
      signingKeyPem,
      clock,
      log: pino({ level: 'silent' }),
      mayHold: () => member,
    });
  });

  const issue = async (service = 'web') => {
    const answer = tokens.issue(VM, service);
    logins.at(-1)!.finish();
    return (await answer).token;
  };

  it('asks Consul for the youngest token alone, and at most once in half a minute', async () => {
    await issue('web');
    await clock.advance(10_000);
    await issue('api');
    await tokens.prove();
    expect(asked).to.deep.equal([]);
    await clock.advance(20_000);
    await tokens.prove();
    await tokens.prove();
    expect(asked).to.deep.equal(['api-2']);
    expect(tokens.owed(VM)).to.deep.equal([]);
  });

  it('owes a host another token for each that Consul has lost, until it has it', async () => {
    await issue('web');
    await clock.advance(10_000);
    await issue('api');
    await clock.advance(20_000);
    lost = ['api-2'];
    await tokens.prove();
    expect(asked).to.have.members(['api-2', 'web-1', 'api-2']);
    expect(tokens.owed(VM)).to.deep.equal(['api']);
    expect(await issue('api')).to.equal('api-3');
    expect(tokens.owed(VM)).to.deep.equal([]);
  });

  it('owes nothing for a token that was replaced, nor to a host that has left the service', async () => {
    await issue('web');
    await clock.advance(10_000);
    await issue('web');
    await clock.advance(20_000);
    lost = ['web-1', 'web-2'];
    await tokens.prove();
    expect(tokens.owed(VM)).to.deep.equal(['web']);
    tokens.end(VM, () => true);
    expect(tokens.owed(VM)).to.deep.equal([]);
    expect(ended, 'they are gone already').to.deep.equal([]);
  });

  it('logs in once for two beats that ask at the same time', async () => {
    const both = [tokens.issue(VM, 'web'), tokens.issue(VM, 'web')];
    expect(logins).to.have.length(1);
    logins[0]!.finish();
    const [one, two] = await Promise.all(both);
    expect(one).to.deep.equal(two);
  });

  it('gives the same token to a host that asks again at once, and another one later', async () => {
    const first = await issue();
    expect(await tokens.issue(VM, 'web')).to.include({ token: first });
    await clock.advance(8000);
    expect(await issue()).not.to.equal(first);
  });

  it('lets a replaced token live on, since a stream may have it, and ends it with the rest when the host goes', async () => {
    const first = await issue();
    await clock.advance(1_800_000);
    const second = await issue();
    await tokens.retry();
    expect(ended).to.deep.equal([]);
    tokens.end(VM, () => true);
    await clock.advance(0);
    expect(ended).to.deep.equal([first, second]);
  });

  it('ends the oldest when a host asks for one after another, and none of its other services', async () => {
    await issue('db');
    const web = [];
    for (let times = 0; times < 6; times += 1) {
      await clock.advance(8000);
      web.push(await issue());
    }
    await clock.advance(0);
    expect(ended).to.deep.equal(web.slice(0, 2));
  });

  it('ends a token that was issued while its host was revoked', async () => {
    const answer = tokens.issue(VM, 'web').catch((error: Error) => error.message);
    member = false;
    logins[0]!.finish();
    expect(await answer).to.include('left or was revoked meanwhile');
    await clock.advance(0);
    expect(ended).to.deep.equal(['web-1']);
  });

  it('goes on trying to end a token until Consul takes it, or it has expired by itself', async () => {
    const web = await issue('web');
    available = false;
    tokens.end(VM, () => true);
    await tokens.retry();
    expect(ended).to.deep.equal([]);
    available = true;
    await tokens.retry();
    expect(ended).to.deep.equal([web]);

    await clock.advance(8000);
    await issue('db');
    available = false;
    tokens.end(VM, () => true);
    await clock.advance(3_600_000);
    available = true;
    await tokens.retry();
    expect(ended).to.deep.equal([web]);
  });

  it('are kept sealed: a reader of the KV gets no token, and another key opens nothing', async () => {
    const web = await issue('web');
    await clock.advance(0);
    const [entry] = await fake.consul.kvList('landbridge/tokens/');
    expect(Buffer.from(entry!.value, 'base64').toString('latin1')).not.to.include(web);
    expect(await vault.list()).to.have.length(1);
    expect(await openTokenVault(fake.consul, await makeKey()).list()).to.deep.equal([]);
    await fake.consul.kvCas(entry!.key, `${entry!.value.slice(0, -8)}AAAAAAA=`, entry!.modifyIndex);
    expect(await vault.list()).to.deep.equal([]);
  });

  it('are taken up by the next life of the bridge, which ends the tokens of hosts that have left', async () => {
    const [web, db] = [await issue('web'), await issue('db')];
    await clock.advance(0);
    const next = (mayHold: (service: string) => boolean) =>
      createTokens({
        consul: {
          login: () => Promise.reject(new Error('not asked')),
          logout: async (secretId) => void ended.push(secretId),
          knowsToken: async () => true,
        },
        vault,
        signingKeyPem,
        clock,
        log: pino({ level: 'silent' }),
        mayHold: (_host, service) => mayHold(service),
      });
    const restarted = next((service) => service === 'web');
    await restarted.restore();
    await clock.advance(0);
    expect(ended).to.deep.equal([db]);
    restarted.end(VM, () => true);
    await clock.advance(0);
    expect(ended).to.deep.equal([db, web]);
    expect(await fake.consul.kvList('landbridge/tokens/')).to.deep.equal([]);
  });

  it('leave nothing in the KV once they have expired', async () => {
    await issue('web');
    await clock.advance(3_600_000);
    await tokens.retry();
    expect(ended).to.deep.equal([]);
    expect(await fake.consul.kvList('landbridge/tokens/')).to.deep.equal([]);
  });
});
