import { X509Certificate } from 'node:crypto';
import { type Socket, connect } from 'node:net';
import { expect } from 'chai';
import { type BridgeClient, makeBridgeClient } from '../../agent/bridge-client.ts';
import { makeKey, makeRequest } from '../../agent/state/certificate.ts';
import { ROUTES } from '../../bridge/handlers/routes.ts';
import { type BridgeAccess, askBridge } from '../../cli/bridge-admin.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { SITE } from '../../lab/sample/on-vms.ts';
import { vmExec } from '../../lab/vm/exec.ts';
import type { BeatAnswer, InviteAnswer, JoinAnswer, RenewAnswer } from '../../mesh/outside/bridge-api.ts';
import { SECRETS } from '../../mesh/installation/installation.ts';
import { decodeInvite } from '../../mesh/outside/invite.ts';
import { eventually } from '../support/eventually.ts';
import { type LabHolders, answerOf, labHolders } from '../support/lab-holders.ts';

const STATE = '/var/lib/landbridge';
const SERVICE = 'echo-client-vm';
const MEMBER = { name: 'add-svc.service.consul', type: 'A' };
const STRANGERS = 1100;
/** More than the burst that a host may send (bridge/handlers/beat.ts). */
const BEATS = 120;

interface Identity {
  certificate?: string;
  key?: string;
}

/** Tries at the bridge of the lab, with the credentials of each row of docs/security.md, all that the row rules out. */
describe('at the bridge', () => {
  let lab: RunningLab;
  let holders: LabHolders;
  let admin: BridgeAccess;
  const open: BridgeClient[] = [];
  before(async () => {
    lab = await runningLab();
    holders = await labHolders(lab);
    const held = await holders.secret(SECRETS.bridgeAdmin);
    const addresses = held['addresses']!.split(',');
    admin = { addresses, caPem: held['ca.crt']!, certificatePem: held['tls.crt']!, keyPem: held['tls.key']! };
  });
  after(async () => {
    for (const client of open) client.close();
    for (const host of ['thief', 'robber', 'second', 'late'])
      await askBridge(admin, 'POST', '/v1/revoke', { site: SITE, host }).catch(() => undefined);
    const records = await holders.truth.kvList('landbridge/');
    for (const { key } of records) if (/\/(thief|robber|second|late)$/.test(key)) await holders.truth.kvDelete(key);
    await holders.close();
  });

  const clientOf = (identity: Identity = {}): BridgeClient => {
    const client = makeBridgeClient({
      bridges: admin.addresses,
      credentials: { bridgeCa: admin.caPem, ...identity },
      limits: () => ({ connectMs: 5000, answerMs: 10_000 }),
      connections: 3,
    });
    open.push(client);
    return client;
  };
  const invited = async (): Promise<{ id: string; secret: string }> => {
    const asked = { service: SERVICE, site: SITE, ttlSeconds: 60 };
    const { invite } = await askBridge<InviteAnswer>(admin, 'POST', '/v1/invites', asked);
    const { id, secret } = decodeInvite(invite)!;
    return { id, secret };
  };
  const join = async (invite: { id: string; secret: string }, host: string): Promise<Required<Identity>> => {
    const key = await makeKey();
    const body = { invite, host, address: '10.6.6.6', csr: await makeRequest(key, host) };
    return { key, certificate: (await clientOf().post<JoinAnswer>('/v1/join', body)).certificate };
  };
  const nodes = async (): Promise<string[]> => (await holders.truth.listNodes('vm.')).map(({ name }) => name);
  const hostsKept = async (): Promise<string> =>
    (await holders.truth.kvList('landbridge/')).map(({ key }) => key).join('\n');
  const instance = (id: string, service: string) => {
    const plain = { appPort: 0, sidecarPort: 21000, health: 'passing', output: '', bindsUpstreams: false };
    return { id, service, ...plain };
  };
  const beatOf = (...instances: object[]) => ({ address: '10.6.6.6', instances, wantTokens: [] });
  const registered = async (node: string): Promise<string[]> =>
    Object.values((await holders.truth.readNode(node))?.registrations ?? {}).map(({ service }) => service.Service);

  it('an invite that was seen joins one service once, and nothing after it was spent or has ended', async () => {
    const invite = await invited();
    const thief = clientOf(await join(invite, 'thief'));
    const others = ['sub-svc', 'add-svc'].map((service) => instance(`${service}-thief-0`, service));
    const beat = await thief.post<BeatAnswer>('/v1/beat', {
      ...beatOf(instance(`${SERVICE}-thief-0`, SERVICE), ...others),
      wantTokens: ['sub-svc', 'add-svc'],
    });
    expect(beat.refused.map(({ service }) => service)).to.have.members(['sub-svc', 'add-svc']);
    expect(beat.tokens.map(({ service }) => service)).not.to.include.members(['sub-svc']);
    const own = await eventually('its own service is there', 10_000, async () => {
      const found = await registered(`vm.${SITE}.thief`);
      return found.length > 0 ? found : undefined;
    });
    expect(own.filter((service) => !service.startsWith(SERVICE))).to.deep.equal([]);
    expect(await answerOf(join(invite, 'second'))).to.match(/invite/);

    const ended = await invited();
    const at = (await holders.truth.kvList('landbridge/invites/')).find(({ key }) => key.endsWith(ended.id))!;
    const expired = { ...(JSON.parse(at.value) as object), expiresAt: new Date(Date.now() - 1000).toISOString() };
    expect(await holders.truth.kvCas(at.key, JSON.stringify(expired), at.modifyIndex)).to.equal(true);
    expect(await answerOf(join(ended, 'late'))).to.match(/invite/);
    expect((await nodes()).filter((name) => /second|late/.test(name))).to.deep.equal([]);
    expect(await hostsKept()).not.to.match(/\/(second|late)$/m);
  });

  it('the key of a machine acts as no other host, beats no faster than ten a second, and is worth nothing once revoked', async () => {
    const read = async (file: string): Promise<string> =>
      (await vmExec(lab.vm('vm3'), ['cat', `${STATE}/${file}`])).stdout;
    const machine = clientOf({ certificate: await read('host.crt'), key: await read('host.key') });
    const csr = await makeRequest(await makeKey(), 'vm1');
    const renewed = new X509Certificate((await machine.post<RenewAnswer>('/v1/renew', { csr })).certificate);
    expect(renewed.subject + (renewed.subjectAltName ?? ''))
      .to.include('vm3')
      .and.not.include('vm1');

    const before = await registered(`vm.${SITE}.vm2`);
    const thief = clientOf(await join(await invited(), 'robber'));
    const stolen = instance('add-svc-vm2-1', 'add-svc');
    const beat = await thief.post<BeatAnswer>('/v1/beat', beatOf(stolen));
    expect(beat.refused.map(({ service }) => service)).to.deep.equal(['add-svc']);
    expect(await answerOf(thief.post('/v1/leave', { services: ['add-svc'] }))).to.match(/done|refused|not/);
    expect(await answerOf(thief.post('/v1/revoke', { site: SITE, host: 'vm2' }))).to.match(/admin/);
    expect(await answerOf(thief.post('/v1/invites', { service: SERVICE, site: SITE }))).to.match(/admin/);
    expect(await registered(`vm.${SITE}.vm2`)).to.deep.equal(before);

    const started = performance.now();
    const lane = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) await thief.post('/v1/beat', beatOf());
    };
    await Promise.all([1, 2, 3].map(() => lane(BEATS / 3)));
    expect(performance.now() - started, `ms for ${BEATS} beats`).to.be.greaterThan(1500);

    await askBridge(admin, 'POST', '/v1/revoke', { site: SITE, host: 'robber' });
    expect(await answerOf(thief.post('/v1/beat', beatOf(instance(`${SERVICE}-robber-0`, SERVICE))))).to.match(
      /revoked/,
    );
    expect(await answerOf(thief.post('/v1/names', MEMBER))).to.match(/revoked/);
    expect(await nodes()).not.to.include(`vm.${SITE}.robber`);
  });

  it('a stranger asks for nothing but files, guesses no invite, and keeps no machine out', async () => {
    const stranger = clientOf();
    for (const { method, path, who } of ROUTES.filter(({ who }) => who !== 'anyone')) {
      const nobody = { ...admin, certificatePem: '', keyPem: '' };
      const asked = askBridge(
        nobody,
        method,
        path.replace(':name', 'ledger'),
        method === 'GET' || method === 'DELETE' ? undefined : {},
        0,
      );
      expect(await answerOf(asked), `${method} ${path} is for ${who}`).to.match(/certificate/);
    }
    expect(await answerOf(join({ id: 'guessed', secret: 'guessed' }, 'second'))).to.match(/invite/);
    stranger.close();

    const read = async (file: string): Promise<string> =>
      (await vmExec(lab.vm('vm3'), ['cat', `${STATE}/${file}`])).stdout;
    const member = { certificate: await read('host.crt'), key: await read('host.key') };
    const [host, port] = admin.addresses[0]!.split(':');
    const crowd: Socket[] = [];
    try {
      await Promise.all(
        Array.from(
          { length: STRANGERS },
          () =>
            new Promise<void>((resolve) => {
              const socket = connect({ host: host!, port: Number(port) }, resolve);
              socket.once('error', () => resolve());
              crowd.push(socket);
            }),
        ),
      );
      for (let n = 0; n < 5; n++) await clientOf(member).post('/v1/names', MEMBER);
      const listed = await askBridge<{ instances: { host: string; health: string }[] }>(admin, 'GET', '/v1/instances');
      expect(listed.instances.some(({ host: name, health }) => name === 'vm3' && health === 'passing')).to.equal(true);
    } finally {
      for (const socket of crowd) socket.destroy();
    }
  });
});
