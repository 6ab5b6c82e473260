import { X509Certificate, createHash } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import { expect } from 'chai';
import fc from 'fast-check';
import { makeKey, makeRequest } from '../../../agent/state/certificate.ts';
import { ROUTES } from '../../../bridge/handlers/routes.ts';
import { createAuthority, issue } from '../../../clients/pki/authority.ts';
import { type Client, openClient } from './bridge-client.ts';
import { type BridgeUnderTest, type Joined, SITE, anInstance, bridgeUnderTest } from './bridge-under-test.ts';
import { eventually } from './bridge-waiting.ts';

/** The answers of the API to bad requests. The sender is at fault, so no answer is a 5xx. */
describe('the API of a bridge', function () {
  this.timeout(60_000);
  let bridge: BridgeUnderTest;
  let vm: Joined;
  let admin: Client;

  before(async () => {
    bridge = await bridgeUnderTest('the fake');
    bridge.admit('web');
    vm = await bridge.join('vm1', 'web');
    admin = bridge.client({ certificate: bridge.admin.certificatePem, key: bridge.admin.keyPem });
    // Failed joins are what this file is about.
    bridge.running.bridge.failedJoins.note = () => undefined;
  });
  after(() => bridge.stop());

  const beat = (more: object = {}) => ({
    address: '127.0.0.1',
    instances: [anInstance('web', 'vm1')],
    wantTokens: [],
    ...more,
  });
  const external = (more: object = {}) => ({
    service: 'ledger',
    address: '127.0.0.1',
    port: 1,
    check: { type: 'tcp', timeoutMs: 50 },
    ...more,
  });
  const clientOf = (who: 'stranger' | 'host' | 'admin'): Client =>
    who === 'host' ? vm.client : who === 'admin' ? admin : bridge.client();

  describe('asks each route for its own kind of certificate', () => {
    const table: [who: 'stranger' | 'host' | 'admin', method: string, path: string, status: number, code: string][] = [
      ['stranger', 'POST', '/v1/beat', 401, 'certificateNeeded'],
      ['stranger', 'POST', '/v1/renew', 401, 'certificateNeeded'],
      ['stranger', 'POST', '/v1/leave', 401, 'certificateNeeded'],
      ['stranger', 'POST', '/v1/reach', 401, 'certificateNeeded'],
      ['stranger', 'POST', '/v1/probe', 401, 'certificateNeeded'],
      ['stranger', 'POST', '/v1/refusals', 401, 'certificateNeeded'],
      ['stranger', 'POST', '/v1/doors', 401, 'certificateNeeded'],
      ['stranger', 'POST', '/v1/problems', 401, 'certificateNeeded'],
      ['stranger', 'POST', '/v1/names', 401, 'certificateNeeded'],
      ['stranger', 'POST', '/v1/brake', 401, 'certificateNeeded'],
      ['stranger', 'POST', '/v1/invites', 401, 'certificateNeeded'],
      ['stranger', 'GET', '/v1/instances', 401, 'certificateNeeded'],
      ['stranger', 'PUT', '/v1/external/x', 401, 'certificateNeeded'],
      ['stranger', 'DELETE', '/v1/external/x', 401, 'certificateNeeded'],
      ['stranger', 'POST', '/v1/adopt', 401, 'certificateNeeded'],
      ['stranger', 'POST', '/v1/revoke', 401, 'certificateNeeded'],
      ['host', 'POST', '/v1/invites', 403, 'adminOnly'],
      ['host', 'GET', '/v1/instances', 403, 'adminOnly'],
      ['host', 'PUT', '/v1/external/x', 403, 'adminOnly'],
      ['host', 'DELETE', '/v1/external/x', 403, 'adminOnly'],
      ['host', 'POST', '/v1/adopt', 403, 'adminOnly'],
      ['host', 'POST', '/v1/revoke', 403, 'adminOnly'],
      ['host', 'POST', '/v1/brake', 403, 'adminOnly'],
      ['admin', 'POST', '/v1/reach', 403, 'hostOnly'],
      ['admin', 'POST', '/v1/probe', 403, 'hostOnly'],
      ['admin', 'POST', '/v1/refusals', 403, 'hostOnly'],
      ['admin', 'POST', '/v1/doors', 403, 'hostOnly'],
      ['admin', 'POST', '/v1/problems', 403, 'hostOnly'],
      ['admin', 'POST', '/v1/beat', 403, 'hostOnly'],
      ['admin', 'POST', '/v1/renew', 403, 'hostOnly'],
      ['admin', 'POST', '/v1/leave', 403, 'hostOnly'],
    ];
    for (const [who, method, path, status, code] of table) {
      it(`${who}: ${method} ${path} -> ${code}`, async () => {
        const reply = await clientOf(who).send(method, path, {});
        expect([reply.status, reply.body.code]).to.deep.equal([status, code]);
      });
    }

    it('covers every route that is not for anyone', () => {
      const tried = new Set(table.map(([, method, path]) => `${method} ${path.replace('/x', '/:name')}`));
      for (const { method, path, who } of ROUTES) if (who !== 'anyone') expect(tried).to.include(`${method} ${path}`);
    });
  });

  it('refuses certificates of another authority, its own serving certificate, and self-made names', async () => {
    const stranger = await createAuthority('Landbridge bridge CA', { nowMs: Date.now(), days: 1 });
    for (const [what, leaf] of [
      ['an admin of another authority', { commonName: 'x', organization: 'landbridge-admin' }],
      ['a host of another authority', { commonName: 'vm1', uris: [`landbridge://${SITE}/vm1`] }],
    ] as const) {
      const pair = await issue(stranger, {
        ...leaf,
        uris: 'uris' in leaf ? [...leaf.uris] : [],
        usage: 'client',
        nowMs: Date.now(),
        days: 1,
      });
      const client = bridge.client({ certificate: pair.certPem, key: pair.keyPem });
      expect((await client.send('GET', '/v1/instances')).body.code, what).to.equal('certificateUnknown');
    }
    const serving = await bridge.running.bridge.authority.issueServing(['localhost'], Date.now());
    const client = bridge.client({ certificate: serving.cert, key: serving.key });
    expect((await client.send('GET', '/v1/instances')).body.code).to.equal('certificateUnknown');
  });

  it('refuses the certificate of an admin whose key was replaced, also over a connection that is open', async () => {
    let keys: string[] | undefined;
    const strict = await bridgeUnderTest('the fake', { adminKeys: () => keys });
    try {
      const { certificatePem, keyPem } = strict.admin;
      const thief = strict.client({ certificate: certificatePem, key: keyPem });
      const spki = new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' });
      const ask = async () => (await thief.send('GET', '/v1/instances')).body.code;
      expect(await ask(), 'a bootstrap job that names no keys').to.equal(undefined);
      keys = [createHash('sha256').update(spki).digest('hex')];
      expect(await ask(), 'its own key').to.equal(undefined);
      keys = ['0'.repeat(64)];
      const refused = await thief.send('GET', '/v1/instances');
      expect(refused).to.include({ status: 401 });
      expect(refused.body.message).to.include(
        'was replaced: use that of the Secret landbridge-bridge-admin as it is now',
      );
    } finally {
      await strict.stop();
    }
  });

  it('refuses so that whoever sends all before it reads still hears why', async () => {
    const { port } = bridge.running;
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    const failed: string[] = [];
    socket.on('error', (error) => failed.push(error.message));
    await once(socket, 'secureConnect');
    const closed = once(socket, 'close');
    socket.pause();
    socket.write('POST /v1/beat HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n');
    for (let piece = 0; piece < 20; piece += 1) {
      await delay(20);
      socket.write('x'.repeat(10_000));
    }
    await delay(100);
    let said = '';
    socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
    socket.resume();
    await closed;
    expect([said.split('\r\n')[0], failed]).to.deep.equal(['HTTP/1.1 401 Unauthorized', []]);
    expect(said).to.include('certificateNeeded');
  });

  it('never resumes a session, so that each connection proves itself again', async () => {
    const identity = { certificate: vm.answer.certificate, key: vm.key };
    const options = {
      host: '127.0.0.1',
      port: bridge.running.port,
      ca: bridge.caPem,
      servername: 'landbridge-bridge',
      cert: identity.certificate,
      key: identity.key,
    };
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = connect({ ...options, maxVersion });
      let session: Buffer | undefined;
      first.on('session', (given) => (session = given));
      await new Promise((resolve) => first.once('secureConnect', resolve));
      first.write('GET /v1/nothing HTTP/1.1\r\nhost: x\r\n\r\n');
      await new Promise((resolve) => first.once('data', resolve));
      session ??= first.getSession();
      const second = connect({ ...options, maxVersion, session });
      await new Promise((resolve) => second.once('secureConnect', resolve));
      expect(second.isSessionReused(), maxVersion).to.equal(false);
      first.destroy();
      second.destroy();
    }
  });

  it('speaks nothing older than TLS 1.2', async () => {
    const socket = connect({
      host: '127.0.0.1',
      port: bridge.running.port,
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
    expect(error.code).to.match(/PROTOCOL/);
  });

  describe('says which field of a body is wrong', () => {
    const bad: [
      what: string,
      who: 'host' | 'admin' | 'stranger',
      method: string,
      path: string,
      body: () => unknown,
      says: RegExp,
    ][] = [
      ['no body', 'host', 'POST', '/v1/beat', () => '', /badJson/],
      ['no JSON', 'host', 'POST', '/v1/beat', () => '{"address":', /badJson/],
      ['a list', 'host', 'POST', '/v1/beat', () => '[]', /badRequest: the body/],
      ['null', 'host', 'POST', '/v1/beat', () => 'null', /badRequest: the body/],
      ['a misspelt field', 'host', 'POST', '/v1/beat', () => beat({ wantToken: [] }), /badRequest.*wantToken/],
      [
        'a field too many, deep',
        'host',
        'POST',
        '/v1/beat',
        () => beat({ instances: [{ ...anInstance('web', 'vm1'), x: 1 }] }),
        /instances\.0.*x/,
      ],
      [
        'a port out of range',
        'host',
        'POST',
        '/v1/beat',
        () => beat({ instances: [anInstance('web', 'vm1', { sidecarPort: 70_000 })] }),
        /instances\.0\.sidecarPort/,
      ],
      ['an address that is none', 'host', 'POST', '/v1/beat', () => beat({ address: '300.1.2.3' }), /address/],
      [
        'too many instances',
        'host',
        'POST',
        '/v1/beat',
        () => beat({ instances: Array(257).fill(anInstance('web', 'vm1')) }),
        /instances/,
      ],
      [
        'one id twice',
        'host',
        'POST',
        '/v1/beat',
        () => beat({ instances: [anInstance('web', 'vm1'), anInstance('web', 'vm1')] }),
        /duplicateInstance.*web-vm1-8080/,
      ],
      [
        "an id that is another one's sidecar",
        'host',
        'POST',
        '/v1/beat',
        () => beat({ instances: [anInstance('web', 'vm1'), anInstance('web', 'vm1', { id: 'web-vm1-8080-sidecar' })] }),
        /duplicateInstance/,
      ],
      [
        'a bad name',
        'admin',
        'POST',
        '/v1/invites',
        () => ({ service: 'Web_1', site: SITE }),
        /service: lower-case letters/,
      ],
      [
        'a long time to live',
        'admin',
        'POST',
        '/v1/invites',
        () => ({ service: 'web', site: SITE, ttlSeconds: 86_401 }),
        /ttlSeconds/,
      ],
      ['a bad name in the path', 'admin', 'PUT', '/v1/external/UPPER', () => external(), /the name of the instance/],
      [
        'an encoded slash in the path',
        'admin',
        'PUT',
        '/v1/external/a%2Fb',
        () => external(),
        /the name of the instance/,
      ],
      ['an unknown check', 'admin', 'PUT', '/v1/external/x', () => external({ check: { type: 'icmp' } }), /check/],
      [
        'an impatient check',
        'admin',
        'PUT',
        '/v1/external/x',
        () => external({ check: { type: 'tcp', intervalMs: 1 } }),
        /check\.intervalMs/,
      ],
      [
        'metadata that the bridge writes',
        'admin',
        'PUT',
        '/v1/external/x',
        () => external({ meta: { site: 'y' } }),
        /meta\.site/,
      ],
      [
        'metadata that Consul refuses',
        'admin',
        'PUT',
        '/v1/external/x',
        () => external({ meta: { 'a b': 'y' } }),
        /the key "a b" cannot be used/,
      ],
      [
        'an address with a path',
        'admin',
        'PUT',
        '/v1/external/x',
        () => external({ address: 'http://a/b' }),
        /address/,
      ],
      [
        'a site that is none',
        'admin',
        'DELETE',
        '/v1/external/x?site=..%2f',
        () => undefined,
        /badRequest: site: lower-case letters/,
      ],
      [
        'a site that is there twice',
        'admin',
        'DELETE',
        '/v1/external/x?site=a&site=b',
        () => undefined,
        /badRequest: site: is there twice/,
      ],
      [
        'half of a surrogate pair, which no UTF-8 has',
        'admin',
        'POST',
        '/v1/adopt',
        () => String.raw`{"node": "a\udc00", "id": "x", "site": "rack-1"}`,
        /badJson: .*surrogate/,
      ],
      [
        'a field called __proto__',
        'admin',
        'POST',
        '/v1/brake',
        () => '{"site": "rack-1", "releaseSeconds": 1, "__proto__": {"site": "other"}}',
        /badJson: .*a key __proto__/,
      ],
      [
        'a key called __proto__ in meta',
        'admin',
        'PUT',
        '/v1/external/x',
        () => JSON.stringify(external()).replace('{', '{"meta": {"__proto__": "a"}, '),
        /badJson: .*a key __proto__/,
      ],
      [
        'a number past what is exact',
        'admin',
        'POST',
        '/v1/brake',
        () => '{"site": "rack-1", "releaseSeconds": 9007199254740993}',
        /badRequest: releaseSeconds/,
      ],
      [
        'a host nobody knows',
        'admin',
        'POST',
        '/v1/revoke',
        () => ({ site: SITE, host: 'nobody' }),
        /notFound.*no host "nobody"/,
      ],
      [
        'a csr that is none',
        'stranger',
        'POST',
        '/v1/join',
        () => join('hello'),
        /badCertificateRequest: csr: cannot be read/,
      ],
      ['a csr of another PEM kind', 'stranger', 'POST', '/v1/join', () => join(bridge.caPem), /badCertificateRequest/],
      ['a csr that is too long', 'stranger', 'POST', '/v1/join', () => join('x'.repeat(8193)), /badRequest: csr/],
    ];
    const join = (csr: string) => ({ invite: { id: 'a', secret: 'b' }, host: 'vm9', address: '10.0.0.1', csr });

    for (const [what, who, method, path, body, says] of bad) {
      it(what, async () => {
        const reply = await clientOf(who).send(method, path, body() as object | string | undefined);
        expect(reply.status, JSON.stringify(reply.body)).to.be.within(400, 404);
        expect(`${reply.body.code}: ${reply.body.message}`).to.match(says);
      });
    }
  });

  it('takes no key of another kind, and no request that its key did not sign', async () => {
    const csr = await makeRequest(await makeKey(), 'vm9');
    const der = Buffer.from(csr.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    der[der.length - 5]! ^= 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    const body = { invite: { id: 'a', secret: 'b' }, host: 'vm9', address: '10.0.0.1', csr: forged };
    const reply = await bridge.client().post('/v1/join', body);
    expect(reply.body.code).to.equal('badCertificateRequest');
    expect(reply.body.message).to.include('signature');
  });

  it('answers unknown paths with 404 and unknown methods with 405 and what the path takes', async () => {
    for (const path of [
      '/',
      '/v1',
      '/v1/',
      '/v2/beat',
      '/v1/beat/',
      '/v1/external/',
      '/v1/external/a/b',
      '/v1/external',
    ]) {
      const reply = await admin.send('POST', path, {});
      expect(reply.status, path).to.be.oneOf([404, 405]);
    }
    const reply = await admin.send('GET', '/v1/beat');
    expect([reply.status, reply.headers['allow'], reply.body.code]).to.deep.equal([405, 'POST', 'methodNotAllowed']);
  });

  it('reads no body beyond 256 KiB, announced or not, and closes the connection', async () => {
    const large = `{"address":"${'1'.repeat(300 * 1024)}"}`;
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }] as Record<string, string>[]) {
      const client = openClient({
        port: bridge.running.port,
        caPem: bridge.caPem,
        certificate: vm.answer.certificate,
        key: vm.key,
      });
      const reply = await client
        .send('POST', '/v1/beat', large, headers)
        .catch((error: NodeJS.ErrnoException) => error.code);
      // The answer may be lost when the connection is closed while the client still writes.
      if (typeof reply === 'string' || reply === undefined) expect(reply).to.be.oneOf(['ECONNRESET', 'EPIPE']);
      else
        expect([reply.status, reply.body.code, reply.headers['connection']]).to.deep.equal([
          413,
          'bodyTooLarge',
          'close',
        ]);
      await eventually(async () => expect(client.connected()).to.equal(false));
    }
  });

  it('never fails by itself on any JSON', async () => {
    const routes = ROUTES.map(({ method, path, who }) => ({ method, path: path.replace(':name', 'x'), who }));
    const bodies = fc.oneof(
      fc.json(),
      fc
        .record({
          address: fc.constantFrom('10.0.0.1', '::1', 'x'),
          instances: fc.array(fc.jsonValue()),
          wantTokens: fc.array(fc.string()),
        })
        .map((value) => JSON.stringify(value)),
      fc
        .record({
          invite: fc.record({ id: fc.string(), secret: fc.string() }),
          host: fc.string(),
          address: fc.ipV4(),
          csr: fc.string(),
        })
        .map((value) => JSON.stringify(value)),
      fc.constant('{"__proto__":{"address":"10.0.0.1"},"constructor":1}'),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routes), bodies, async ({ method, path, who }, body) => {
        const client = clientOf(who === 'anyone' ? 'stranger' : who === 'admin' ? 'admin' : 'host');
        const reply = await client.send(method, path, method === 'GET' ? undefined : body);
        if (who === 'anyone') client.close();
        expect(reply.status, `${method} ${path} ${body}: ${JSON.stringify(reply.body)}`).to.be.below(500);
        if (reply.status >= 400) expect(reply.body).to.have.all.keys('code', 'message');
      }),
      { numRuns: 300 },
    );
  });

  it('never fails by itself on any bytes, and serves on', async () => {
    const identity = { ca: bridge.caPem, cert: vm.answer.certificate, key: vm.key, servername: 'landbridge-bridge' };
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 2000 }),
          fc
            .uint8Array({ maxLength: 500 })
            .map((body) =>
              Buffer.concat([
                Buffer.from(`POST /v1/beat HTTP/1.1\r\nhost: b\r\ncontent-length: ${body.length}\r\n\r\n`),
                body,
              ]),
            ),
          fc
            .string({ unit: 'binary', maxLength: 200 })
            .map((path) => Buffer.from(`GET /${path} HTTP/1.1\r\nhost: b\r\n\r\n`)),
        ),
        async (bytes) => {
          const socket = connect({ host: '127.0.0.1', port: bridge.running.port, ...identity });
          const chunks: Buffer[] = [];
          const over = new Promise((resolve) => {
            socket.on('data', (chunk: Buffer) => chunks.push(chunk) === 1 && setImmediate(() => socket.end()));
            socket.on('error', resolve);
            socket.on('close', resolve);
          });
          socket.write(bytes);
          const patience = setTimeout(() => socket.destroy(), 50);
          await over;
          clearTimeout(patience);
          expect(Buffer.concat(chunks).toString('latin1')).not.to.match(/^HTTP\/1\.1 5/);
        },
      ),
      { numRuns: 100 },
    );
    expect((await vm.beat([anInstance('web', 'vm1')])).status).to.equal(200);
  });

  it('says that Consul is down, and not that the request was wrong', async () => {
    await bridge.consul.goDown();
    const reply = await admin.send('POST', '/v1/invites', { service: 'web', site: SITE });
    await bridge.consul.comeBack();
    expect([reply.status, reply.body.code, reply.headers['retry-after']]).to.deep.equal([
      503,
      'consulUnavailable',
      '1',
    ]);
  });
});
