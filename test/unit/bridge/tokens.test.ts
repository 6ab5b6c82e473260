import { expect } from 'chai';
import pino from 'pino';
import { makeKey } from '../../../agent/certificate.ts';
import { type Tokens, createTokens } from '../../../bridge/tokens.ts';
import { ConsulUnavailable } from '../../../clients/consul/errors.ts';
import { type FakeClock, fakeClock } from './fake-clock.ts';

const VM = { site: 'rack-1', host: 'vm1' };

describe('the tokens of hosts', () => {
  let clock: FakeClock;
  let tokens: Tokens;
  let logins: { service: string; finish: () => void }[];
  let ended: string[];
  let available: boolean;
  let member: boolean;
  let signingKeyPem: string;

  before(async () => {
    signingKeyPem = await makeKey();
  });

  beforeEach(() => {
    clock = fakeClock();
    [logins, ended, available, member] = [[], [], true, true];
    tokens = createTokens({
      consul: {
        login: (_method, jwt) =>
          new Promise((resolve) => {
            const { service } = JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString()) as {
              service: string;
            };
            const expiresAt = new Date(clock.now() + 3_600_000).toISOString();
            const finish = (): void => resolve({ accessorId: 'a', secretId: `${service}-${logins.length}`, expiresAt });
            logins.push({ service, finish });
          }),
        logout: async (secretId) => {
          if (!available) throw new ConsulUnavailable('no');
          ended.push(secretId);
        },
      },
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

  it('ends the tokens before the newest one when the host has settled, and no other', async () => {
    const first = await issue();
    await clock.advance(8000);
    await issue();
    await issue('db');
    tokens.settle(VM, 'web');
    await clock.advance(0);
    expect(ended).to.deep.equal([first]);
    tokens.settle(VM, 'web');
    await clock.advance(0);
    expect(ended).to.deep.equal([first]);
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
});
