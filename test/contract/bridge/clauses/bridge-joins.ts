import { expect } from 'chai';
import { makeKey } from '../../../../agent/state/certificate.ts';
import { findInvite, spendInvite } from '../../../../bridge/invites/invites.ts';
import { type BridgeUnderTest, SITE, anInstance } from '../bridge-under-test.ts';

/** The hosts that may join, and the refusals of all others. */
export function joinContract(open: () => BridgeUnderTest): void {
  it('lets exactly one of 50 hosts in that spend one invite at once', async () => {
    const bridge = open();
    bridge.admit('web');
    const invite = await bridge.invite('web');
    const keys = await Promise.all(Array.from({ length: 50 }, makeKey));
    bridge.running.bridge.failedJoins.note = () => undefined;
    const replies = await Promise.all(
      keys.map((key, index) => bridge.joinWith(bridge.client(), invite, `vm${index}`, key)),
    );
    expect(replies.filter(({ status }) => status === 200)).to.have.length(1);
    const codes = new Set(replies.filter(({ status }) => status !== 200).map(({ body }) => body.code));
    expect([...codes].every((code) => ['inviteSpent', 'inviteUnknown'].includes(code))).to.equal(true);
    expect(await bridge.reader.kvList('landbridge/hosts/')).to.have.length(1);
    expect(await bridge.reader.kvList('landbridge/invites/')).to.have.length(0);
  });

  it('lets exactly one of 50 spend an invite that all of them have found good', async () => {
    const bridge = open();
    bridge.admit('web');
    const given = await bridge.invite('web');
    const { consul } = bridge.running.bridge;
    const found = await Promise.all(Array.from({ length: 50 }, () => findInvite(consul, given, bridge.clock.now())));
    const spent = await Promise.allSettled(found.map((invite) => spendInvite(consul, invite)));
    expect(spent.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    for (const one of spent) if (one.status === 'rejected') expect(one.reason).to.have.property('code', 'inviteSpent');
  });

  it('refuses an invite that is unknown, of another secret, expired or used, each with its own code', async () => {
    const bridge = open();
    bridge.admit('web');
    const key = await makeKey();
    const codeOf = async (invite: Parameters<BridgeUnderTest['joinWith']>[1], host = 'vm1') =>
      (await bridge.joinWith(bridge.client(), invite, host, key)).body.code as string;
    const invite = await bridge.invite('web');
    expect(await codeOf({ ...invite, id: 'nobody-made-this' })).to.equal('inviteUnknown');
    expect(await codeOf({ ...invite, secret: `${invite.secret}x` })).to.equal('inviteWrongSecret');
    expect(await codeOf(invite), 'still good').to.equal(undefined);
    expect(await codeOf(invite, 'vm2')).to.equal('inviteUnknown');
    const short = await bridge.invite('web', SITE, 60);
    await bridge.clock.advance(60_000);
    expect(await codeOf(short)).to.equal('inviteExpired');
  });

  it('keeps nothing but the hash of the secret', async () => {
    const bridge = open();
    bridge.admit('web');
    const { secret } = await bridge.invite('web');
    const [entry] = await bridge.reader.kvList('landbridge/invites/');
    expect(entry!.value).not.to.include(secret);
  });

  it('makes no invite for a site that no MeshService of that name admits, and says what to add', async () => {
    const bridge = open();
    bridge.admit('web');
    for (const [service, site, says] of [
      ['web', 'rack-9', 'MeshService shop/web does not admit instances from site "rack-9": add "rack-9"'],
      ['nobody', SITE, 'no MeshService has the Consul name "nobody"'],
    ] as const) {
      const refused = await bridge.invite(service, site).catch((error: Error) => error.message);
      expect(refused).to.include(says).and.to.include('spec.workloads.external.sites');
    }
  });

  it('answers a host again that never got the answer to its join, and nobody else', async () => {
    const bridge = open();
    bridge.admit('web');
    const [key, invite] = [await makeKey(), await bridge.invite('web')];
    const first = await bridge.joinWith(bridge.client(), invite, 'vm1', key);
    const again = await bridge.joinWith(bridge.client(), invite, 'vm1', key);
    expect([first.status, again.status]).to.deep.equal([200, 200]);
    expect((await bridge.joinWith(bridge.client(), invite, 'vm1', await makeKey())).body.code).to.equal(
      'inviteUnknown',
    );
  });

  it('refuses a known name under another key, names both keys, and leaves the invite unspent', async () => {
    const bridge = open();
    bridge.admit('web');
    await bridge.join('vm1', 'web');
    const invite = await bridge.invite('web');
    const refused = await bridge.joinWith(bridge.client(), invite, 'vm1', await makeKey());
    expect(refused.status).to.equal(409);
    expect(refused.body.code).to.equal('hostKnown');
    expect(refused.body.message).to.match(
      /under key [0-9a-f]{16}, and this is key [0-9a-f]{16}.*vm revoke vm1 --site rack-1/,
    );
    expect((await bridge.joinWith(bridge.client(), invite, 'vm2', await makeKey())).status).to.equal(200);
  });

  it('takes the certificate of a known host for a proof, even with a new key, and for its own name and site only', async () => {
    const bridge = open();
    for (const service of ['web', 'cron']) {
      bridge.admit(service, { workloads: { external: { sites: [SITE, 'rack-2'] } } });
    }
    const vm = await bridge.join('vm1', 'web');
    const other = await bridge.joinWith(vm.client, await bridge.invite('cron'), 'vm2', await makeKey());
    expect(other.body.code).to.equal('hostMismatch');
    const elsewhere = await bridge.joinWith(vm.client, await bridge.invite('cron', 'rack-2'), 'vm1', vm.key);
    expect(elsewhere.body.code).to.equal('siteMismatch');
    expect(elsewhere.body.message).to.include('ask for one with --site rack-1');

    const newKey = await makeKey();
    const added = await bridge.joinWith(vm.client, await bridge.invite('cron'), 'vm1', newKey);
    expect(added.status, JSON.stringify(added.body)).to.equal(200);
    const beat = { address: '127.0.0.1', instances: [anInstance('cron', 'vm1')], wantTokens: [] };
    const renewed = bridge.client({ certificate: added.body.certificate, key: newKey });
    expect((await renewed.post('/v1/beat', beat)).body.refused).to.deep.equal([]);
  });

  it('answers nothing to an address that fails to join again and again, and lets a good invite from there in', async () => {
    const bridge = open();
    bridge.admit('web');
    const [invite, key] = [await bridge.invite('web'), await makeKey()];
    const guess = () => bridge.joinWith(bridge.client(), { ...invite, secret: 'guess' }, 'vm1', key);
    for (let tries = 0; tries < 20; tries += 1) expect((await guess()).body.code).to.equal('inviteWrongSecret');
    const limited = await guess();
    expect(limited).to.deep.include({ status: 429 });
    expect(limited.body.message).to.include('told again in 60 s');
    expect((await bridge.joinWith(bridge.client(), invite, 'vm1', key)).status).to.equal(200);
    const taken = await bridge.joinWith(bridge.client(), await bridge.invite('web'), 'vm1', await makeKey());
    expect(taken.body.code, 'what is wrong with the host of a good invite is told').to.equal('hostKnown');
    expect((await guess()).status).to.equal(429);
    await bridge.clock.advance(60_000);
    expect((await guess()).body.code).to.equal('inviteUnknown');
  });

  it('gives a name that two machines ask for at once to one of them, and the other its invite back', async () => {
    const bridge = open();
    for (const service of ['web', 'cron']) bridge.admit(service);
    const machines = await Promise.all(
      ['web', 'cron'].map(async (service) => ({ service, key: await makeKey(), invite: await bridge.invite(service) })),
    );
    // Neither spends its invite before both have found the name free.
    const { consul } = bridge.running.bridge;
    const { kvDelete } = consul;
    let arrived = 0;
    let release = (): void => undefined;
    const both = new Promise<void>((resolve) => (release = resolve));
    consul.kvDelete = async (...args) => {
      if ((arrived += 1) === 2) release();
      await both;
      return kvDelete(...args);
    };
    const replies = await Promise.all(
      machines.map(({ invite, key }) => bridge.joinWith(bridge.client(), invite, 'vm1', key)),
    );
    consul.kvDelete = kvDelete;
    expect(replies.map(({ status }) => status).sort()).to.deep.equal([200, 409]);
    const [winner, loser] = replies[0]!.status === 200 ? machines : [...machines].reverse();
    expect(replies.find(({ status }) => status === 409)!.body.code).to.equal('hostKnown');
    const { keys, services } = JSON.parse((await bridge.reader.kvGet(`landbridge/hosts/${SITE}/vm1`))!.value) as {
      keys: string[];
      services: string[];
    };
    expect(keys).to.have.length(1);
    expect(services).to.deep.equal([winner!.service]);
    expect((await bridge.joinWith(bridge.client(), loser!.invite, 'vm2', loser!.key)).status).to.equal(200);
  });
}
