import { createHash, randomBytes } from 'node:crypto';
import { type Server, createServer as createWebServer, get } from 'node:http';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TLSSocket, connect as connectTls } from 'node:tls';

import { expect } from 'chai';

import { makeKey } from '../../../agent/state/certificate.ts';
import { Download, limitDownloads } from '../../../bridge/api/download.ts';
import { paceHosts } from '../../../bridge/api/pace.ts';
import { reachMachine } from '../../../bridge/reach/try-sidecar.ts';
import { rereadHosts } from '../../../bridge/reread.ts';
import { serviceFacts } from '../../../bridge/admission.ts';
import { type BridgeAccess, askBridge } from '../../../cli/bridge-admin.ts';
import type { InviteAnswer } from '../../../mesh/outside/bridge-api.ts';
import { aMeshService } from '../../support/builders.ts';
import {
  type BridgeUnderTest,
  DEREGISTER_AFTER_MS,
  LEASE_MS,
  SITE,
  anInstance,
  bridgeUnderTest,
} from './bridge-under-test.ts';
import { eventually } from './bridge-waiting.ts';

/** Strangers, other machines, and a bridge that knows too little must not do harm to machines. */
describe('a bridge that others lean on', function () {
  this.timeout(60_000);
  let bridge: BridgeUnderTest;
  const open = async (options: Parameters<typeof bridgeUnderTest>[1] = {}): Promise<BridgeUnderTest> => {
    bridge = await bridgeUnderTest('the fake', options);
    bridge.admit('web');
    return bridge;
  };
  afterEach(() => bridge.stop());
  const statusesOf = async (host: string): Promise<(string | undefined)[]> =>
    Object.values((await bridge.reader.readNode(`vm.${SITE}.${host}`))?.registrations ?? {}).map(
      ({ checks }) => checks[0]?.Status,
    );
  const beatBody = (host: string) => ({ address: '127.0.0.1', instances: [anInstance('web', host)], wantTokens: [] });

  it('takes a machine out that dies after a restart, although others ended long before', async () => {
    await open({ startMs: Date.now() - 10 * 24 * 3_600_000 });
    for (const host of ['old0', 'old1', 'old2', 'old3']) {
      await (await bridge.join(host, 'web')).beat([anInstance('web', host)]);
      await bridge.clock.advance(LEASE_MS + 2000);
    }
    for (const host of ['never0', 'never1', 'never2', 'never3']) await bridge.join(host, 'web');
    await bridge.clock.advance(2 * LEASE_MS);
    bridge.clock.freeze(DEREGISTER_AFTER_MS + 1000);
    await bridge.clock.advance(LEASE_MS);
    await eventually(async () => expect(await bridge.reader.readNode(`vm.${SITE}.old3`)).to.equal(undefined));
    const live = await Promise.all(Array.from({ length: 8 }, (_, n) => bridge.join(`live${n}`, 'web')));
    for (const [n, vm] of live.entries()) await vm.beat([anInstance('web', `live${n}`)]);
    await bridge.restart();
    const clients = live.map(({ answer: { certificate }, key }) => bridge.client({ certificate, key }));
    for (let t = 0; t < 9; t++) {
      await bridge.clock.advance(LEASE_MS / 3);
      for (let n = 0; n < 7; n++)
        expect((await clients[n]!.post('/v1/beat', beatBody(`live${n}`))).status).to.equal(200);
    }
    expect(bridge.running.bridge.leases.brakes()).to.deep.equal([]);
    await eventually(async () => expect(await statusesOf('live7')).to.deep.equal(['critical', 'critical']));
    expect(await statusesOf('live6')).to.deep.equal(['passing', 'passing']);
    // One that ended long ago comes back as always.
    const back = bridge.running.bridge.hosts.get({ site: SITE, host: 'old0' })!;
    expect(back.lease.down).to.equal(true);
  });

  it('holds machines up still when they fall silent together after a restart', async () => {
    await open();
    const live = await Promise.all(Array.from({ length: 8 }, (_, n) => bridge.join(`live${n}`, 'web')));
    for (const [n, vm] of live.entries()) await vm.beat([anInstance('web', `live${n}`)]);
    await bridge.restart();
    await bridge.clock.advance(3 * LEASE_MS);
    expect(bridge.running.bridge.leases.brakes()).to.have.length(1);
    expect(await statusesOf('live3')).to.deep.equal(['passing', 'passing']);
  });

  it('leaves machines as they are when their MeshService has a field of a newer version, and lets nobody new in', async () => {
    await open();
    const vm = await bridge.join('vm1', 'web');
    const invite = await bridge.invite('web');
    await vm.beat([anInstance('web', 'vm1')], { wantTokens: ['web'] });
    const newer = aMeshService('web', { workloads: { external: { sites: [SITE] } } });
    (newer.spec as Record<string, unknown>)['fieldOfTheNextVersion'] = 1;
    bridge.meshServices.list = [serviceFacts(newer)];
    const reply = await vm.beat([anInstance('web', 'vm1')], { wantTokens: ['web'] });
    expect(reply.body).to.deep.include({ refused: [] });
    expect(reply.body.tokens).to.have.length(1);
    expect(reply.body.problems.join()).to.include('web goes on as it was: MeshService');
    expect(await statusesOf('vm1')).to.deep.equal(['passing', 'passing']);
    const joined = await bridge.joinWith(bridge.client(), invite, 'vm2', await makeKey());
    expect(joined).to.nested.include({ status: 403, 'body.code': 'siteNotAdmitted' });
    expect(joined.body.message).to.include('cannot be read by this bridge: upgrade the bridge');
  });

  describe('when another has taken over and it does not know yet', () => {
    let old: BridgeAccess;
    let first: BridgeUnderTest['running'];
    const said = (method: string, path: string, body?: object): Promise<string> =>
      askBridge<unknown>(old, method, path, body).then(
        () => 'done',
        (error: Error) => error.message,
      );

    beforeEach(async () => {
      await open();
      old = { ...bridge.admin };
      first = bridge.running;
    });

    const external = { service: 'ledger', address: '10.0.0.9', port: 80, check: { type: 'tcp' } };
    for (const [method, path, body] of [
      ['POST', '/v1/revoke', { site: SITE, host: 'vm1' }],
      ['POST', '/v1/invites', { service: 'web', site: SITE, ttlSeconds: 900 }],
      ['PUT', '/v1/external/ledger', external],
      ['DELETE', '/v1/external/ledger', undefined],
      ['POST', '/v1/adopt', { node: 'x', id: 'y', site: SITE }],
      ['POST', '/v1/brake', { site: SITE, releaseSeconds: 60 }],
    ] as const)
      it(`does not say that ${method} ${path} is done`, async () => {
        await bridge.join('vm1', 'web');
        await bridge.startSecond();
        expect(await said(method, path, body)).to.include('another bridge has taken over');
      });

    it('lets no machine leave that the active one would not know of', async () => {
      const vm = await bridge.join('vm1', 'web');
      await vm.beat([anInstance('web', 'vm1')]);
      await bridge.startSecond();
      expect(await vm.client.post('/v1/leave', { services: [] })).to.include({ status: 503 });
      const now = bridge.client({ certificate: vm.answer.certificate, key: vm.key });
      expect((await now.post('/v1/beat', beatBody('vm1'))).status).to.equal(200);
    });

    it('spends no invite', async () => {
      const stranger = bridge.client();
      const invite = await bridge.invite('web');
      const key = await makeKey();
      await bridge.startSecond();
      expect(await bridge.joinWith(stranger, invite, 'vm1', key)).to.nested.include({ 'body.code': 'starting' });
      expect((await bridge.joinWith(bridge.client(), invite, 'vm1', key)).status).to.equal(200);
    });

    it('finds what the one before wrote after it had read the records', async () => {
      const [revoked, leaving] = [await bridge.join('vm1', 'web'), await bridge.join('vm2', 'web')];
      await revoked.beat([anInstance('web', 'vm1')]);
      await leaving.beat([anInstance('web', 'vm2')]);
      await bridge.startSecond();
      // As if it had asked for its lock before: the records of the active bridge are older than these.
      await first.bridge.hosts.change(first.bridge.hosts.get({ site: SITE, host: 'vm1' })!, (record) => ({
        ...record,
        revokedAt: new Date(bridge.clock.now()).toISOString(),
      }));
      await first.bridge.hosts.erase(first.bridge.hosts.get({ site: SITE, host: 'vm2' })!);
      const late = {
        ...first.bridge.hosts.get({ site: SITE, host: 'vm1' })!.held!.record,
        host: 'vm3',
        revokedAt: undefined,
      };
      await bridge.reader.kvCas(`landbridge/hosts/${SITE}/vm3`, JSON.stringify(late), 0);
      await rereadHosts(bridge.running.bridge);
      const beatOf = async (vm: typeof revoked, host: string) =>
        bridge.client({ certificate: vm.answer.certificate, key: vm.key }).post('/v1/beat', beatBody(host));
      expect(await beatOf(revoked, 'vm1')).to.nested.include({ status: 403, 'body.code': 'hostRevoked' });
      expect(await beatOf(leaving, 'vm2')).to.nested.include({ status: 403, 'body.code': 'hostUnknown' });
      expect(bridge.running.bridge.hosts.get({ site: SITE, host: 'vm3' })?.held?.record.host).to.equal('vm3');
      await eventually(async () => expect(await statusesOf('vm1')).to.deep.equal([]));
      const again = await bridge.requestsOf(() => rereadHosts(bridge.running.bridge));
      expect(again, 'nothing is new').to.have.length(1);
    });
  });

  describe('among strangers', () => {
    it('has places for machines however many of them are connected', async () => {
      await open();
      const vm = await bridge.join('vm1', 'web');
      const strangers: Socket[] = [];
      try {
        for (let n = 0; n < 1200; n++) {
          const socket = connect({ port: bridge.running.port, host: '127.0.0.1' }).on('error', () => undefined);
          strangers.push(socket);
          if (n % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
        }
        await eventually(() => Promise.resolve(expect(bridge.running.connections()).to.be.within(1000, 1030)));
        const again = bridge.client({ certificate: vm.answer.certificate, key: vm.key });
        expect((await again.post('/v1/beat', beatBody('vm1'))).status).to.equal(200);
        // A member is not the next to go.
        for (let n = 0; n < 50; n++)
          strangers.push(connect({ port: bridge.running.port, host: '127.0.0.1' }).on('error', () => undefined));
        expect((await again.post('/v1/beat', beatBody('vm1'))).status).to.equal(200);
      } finally {
        for (const socket of strangers) socket.destroy();
      }
    });

    it('answers one request a connection to who shows no certificate, or one that is not its own', async () => {
      await open();
      const ends = (socket: TLSSocket): Promise<string> =>
        new Promise((resolve) => {
          let text = '';
          socket.on('data', (piece) => (text += String(piece)));
          socket.on('close', () => resolve(text));
        });
      const socket = connectTls({ port: bridge.running.port, host: '127.0.0.1', rejectUnauthorized: false }, () =>
        socket.write('GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n'),
      );
      expect(await ends(socket)).to.match(/^HTTP\/1\.1 200 OK\r\nconnection: close/i);
      const vm = await bridge.join('vm1', 'web');
      const reply = await vm.client.post('/v1/beat', beatBody('vm1'));
      expect(reply.headers['connection']).to.equal('keep-alive');
    });

    it('reads one key of Consul for an invite that somebody makes up, and takes those of an earlier version', async () => {
      await open();
      const key = await makeKey();
      const guess = () => ({ id: randomBytes(16).toString('base64url'), secret: 'x' });
      const join = async (id: string, secret: string) =>
        bridge.joinWith(bridge.client(), { ...(await bridge.invite('web')), id, secret }, 'vm1', key);
      await join(guess().id, 'x');
      const invites = await Promise.all(Array.from({ length: 10 }, () => bridge.invite('web')));
      const requests = await bridge.requestsOf(async () => {
        for (const invite of invites)
          expect(await bridge.joinWith(bridge.client(), { ...invite, ...guess() }, 'vm1', key)).to.include({
            status: 403,
          });
      });
      expect(requests.filter((request) => request.includes('/invites'))).to.have.length(10);
      expect(requests.filter((request) => request.includes('recurse'))).to.deep.equal([]);
    });

    it('takes an invite that a bridge of an earlier version made', async () => {
      await open();
      const [id, secret] = [randomBytes(16).toString('base64url'), 'the secret'];
      const secretSha256 = createHash('sha256').update(secret).digest('hex');
      const [createdAt, expiresAt] = [0, 900_000].map((ms) => new Date(bridge.clock.now() + ms).toISOString());
      const record = { secretSha256, service: 'web', site: SITE, createdAt, expiresAt };
      await bridge.reader.kvCas(`landbridge/invites/${SITE}/${id}`, JSON.stringify(record), 0);
      const { invite } = await bridge.ask<InviteAnswer>('POST', '/v1/invites', {
        service: 'web',
        site: SITE,
        ttlSeconds: 60,
      });
      expect(invite).to.match(/^lb1\./);
      const given = { ...(await bridge.invite('web')), id, secret };
      expect(await bridge.joinWith(bridge.client(), given, 'vm1', await makeKey())).to.include({ status: 200 });
    });

    it('cuts a download off that takes next to nothing, and lets one that goes on end', async () => {
      await open();
      const folder = await mkdtemp(join(tmpdir(), 'landbridge-download-'));
      const path = join(folder, 'file');
      const size = 24 << 20;
      await writeFile(path, Buffer.alloc(size));
      const send = limitDownloads(200);
      const ends: Promise<boolean>[] = [];
      const server: Server = createWebServer((_, response) => {
        ends.push(send(response, new Download({ path, size })).then(() => response.writableFinished));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      try {
        // It reads a byte now and then, which is more than nothing.
        const slow = connect({ port, host: '127.0.0.1' }).on('error', () => undefined);
        slow.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
        const sip = setInterval(() => slow.read(1), 20);
        await eventually(() => Promise.resolve(expect(ends).to.have.length(1)));
        expect(await ends[0], 'it was cut off').to.equal(false);
        clearInterval(sip);
        slow.destroy();
        const whole = await new Promise<number>((resolve, reject) => {
          get({ port, host: '127.0.0.1' }, (response) => {
            let bytes = 0;
            response.on('data', (piece: Buffer) => (bytes += piece.length));
            response.once('end', () => resolve(bytes));
            response.once('error', reject);
          });
        });
        expect(whole).to.equal(size);
      } finally {
        server.closeAllConnections();
        server.close();
        await rm(folder, { recursive: true });
      }
    });
  });

  describe('of what one machine asks', () => {
    it('tries no port but those of sidecars, no address of its own, and tells little of an address of others', async () => {
      await open();
      const tried: string[] = [];
      const reach = ({ address, port }: { address: string; port: number }) => {
        tried.push(`${address}:${port}`);
        return Promise.resolve({ ok: port === 21_001, output: `${address}:${port}: ECONNREFUSED, or another secret` });
      };
      const ask = (address: string, port: number, from = '10.0.0.7') =>
        reachMachine({ address, port, service: 'web' }, from, reach);
      for (const port of [1, 22, 443, 6443, 8500, 20_000, 20_999, 21_256, 22_000])
        expect(await ask('10.0.0.7', port), String(port)).to.deep.include({ ok: false });
      for (const address of [
        '127.0.0.1',
        '127.8.8.8',
        '0.0.0.0',
        '169.254.169.254',
        '224.0.0.1',
        '::1',
        '::',
        'fe80::1',
        '::ffff:127.0.0.1',
      ])
        expect((await ask(address, 21_000)).output, address).to.include('is not tried: give the address');
      expect(tried).to.deep.equal([]);
      expect(await ask('10.0.0.8', 21_000)).to.deep.equal({
        ok: false,
        unanswered: true,
        output: '10.0.0.8:21000: the sidecar of web is not reached there',
      });
      expect((await ask('10.0.0.8', 21_001)).ok).to.equal(true);
      for (const from of ['10.0.0.7', '::ffff:10.0.0.7'])
        expect((await ask('10.0.0.7', 21_000, from)).output).to.include('ECONNREFUSED');
      expect((await ask('2001:db8::7', 21_000, '2001:db8::7')).output).to.include('ECONNREFUSED');
    });

    it('says nothing of a listener outside the ports of sidecars to a machine that asks for reach', async () => {
      await open();
      const plain = createServer((socket) => socket.end('220 hello\r\n')).listen(0, '127.0.0.1');
      await new Promise((resolve) => plain.once('listening', resolve));
      const { port } = plain.address() as AddressInfo;
      const vm = await bridge.join('vm1', 'web');
      await vm.beat([anInstance('web', 'vm1', { sidecarPort: port })]);
      const { body } = await vm.client.post('/v1/reach', {});
      plain.close();
      expect(body.instances[0].output).to.include('is not tried: sidecars of machines have ports 21000 to 21255');
    });

    it('takes sixty tries in a row and then one each second', async () => {
      await open();
      const vm = await bridge.join('vm1', 'web');
      const codes: number[] = [];
      for (let n = 0; n < 62; n++) codes.push((await vm.client.post('/v1/reach', {})).status);
      expect(codes.filter((code) => code === 200)).to.have.length(60);
      expect(codes.at(-1)).to.equal(429);
      await bridge.clock.advance(3000);
      expect((await vm.client.post('/v1/reach', {})).status).to.equal(200);
    });

    it('answers beats later that come faster than any agent sends them, and holds the lease', () => {
      let nowMs = 0;
      const pace = paceHosts({ steady: () => nowMs }, { burst: 100, everyMs: 100 });
      const [host, other] = [{}, {}] as never[];
      const early = Array.from({ length: 150 }, () => pace.take(host!));
      expect(early.slice(0, 100)).to.deep.equal(Array(100).fill(0));
      expect(early.slice(100, 103)).to.deep.equal([100, 200, 300]);
      expect(pace.take(other!)).to.equal(0);
      nowMs += 60_000;
      expect(pace.take(host!)).to.equal(0);
      // An agent with a lease of 500 ms, the shortest that there can be, beats six times a second.
      for (let n = 0; n < 1000; n++) expect(pace.take(host!), `beat ${n}`).to.equal((nowMs += 167) > 0 ? 0 : 1);
    });
  });
});
