import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type SecureContextOptions, connect } from 'node:tls';
import { expect } from 'chai';
import pino from 'pino';
import { openAuthority } from '../../../../bridge/certificates/authority.ts';
import { renewServing, servingContext, servingNames } from '../../../../bridge/certificates/serving.ts';
import { createAuthority } from '../../../../clients/pki/authority.ts';
import { fakeClock } from '../fake-clock.ts';

const DAY_MS = 86_400_000;

describe('the serving certificate', () => {
  it('names what is advertised, the Service and loopback, each once', () => {
    expect(servingNames(['10.0.0.1:30443', '[fd00::1]:30443', 'bridge.example:443', '10.0.0.1:1'], 'lb')).to.deep.equal(
      [
        '10.0.0.1',
        'fd00::1',
        'bridge.example',
        'landbridge-bridge',
        'landbridge-bridge.lb',
        'landbridge-bridge.lb.svc',
        'localhost',
        '127.0.0.1',
      ],
    );
  });

  it('is replaced at half its life, and again', async () => {
    const clock = fakeClock();
    const ca = await createAuthority('test', { nowMs: clock.now(), days: 3650 });
    const authority = openAuthority(ca.certPem, ca.keyPem);
    const served: { cert: string; atMs: number }[] = [];
    const setSecureContext = ({ cert }: SecureContextOptions) =>
      void served.push({ cert: String(cert), atMs: clock.now() });
    const first = await authority.issueServing(['localhost'], clock.now());
    const startMs = clock.now();
    const stop = new AbortController();
    const over = renewServing(
      { setSecureContext },
      authority,
      ['localhost'],
      first,
      { clock, log: pino({ level: 'silent' }) },
      stop.signal,
    );
    for (const renewals of [1, 2]) {
      await clock.advance(14.9 * DAY_MS);
      expect(served).to.have.length(renewals - 1);
      await clock.advance(0.1 * DAY_MS);
      // Signing takes real time.
      const endMs = performance.now() + 1500;
      while (served.length < renewals && performance.now() < endMs) await new Promise(setImmediate);
    }
    stop.abort();
    await over;
    expect(served.map(({ atMs }) => Math.round((atMs - startMs) / DAY_MS))).to.deep.equal([15, 30]);
    const certificate = new X509Certificate(served[1]!.cert);
    expect(certificate.subjectAltName).to.equal('DNS:localhost');
    expect(certificate.verify(new X509Certificate(ca.certPem).publicKey)).to.equal(true);
  });

  it('resumes no session after its replacement either, so that each connection proves itself again', async () => {
    const clock = fakeClock(Date.now() - 15 * DAY_MS);
    const ca = await createAuthority('test', { nowMs: clock.now(), days: 3650 });
    const authority = openAuthority(ca.certPem, ca.keyPem);
    const first = await authority.issueServing(['localhost'], clock.now());
    const server = createServer(servingContext(authority, first), (_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const stop = new AbortController();
    const replaced = new Promise<void>((resolve) => {
      const setSecureContext = (options: SecureContextOptions) => {
        server.setSecureContext(options);
        resolve();
      };
      const parts = { clock, log: pino({ level: 'silent' }) };
      void renewServing({ setSecureContext }, authority, ['localhost'], first, parts, stop.signal);
    });
    try {
      await clock.advance(15 * DAY_MS);
      await replaced;
      const { port } = server.address() as AddressInfo;
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        const options = { host: '127.0.0.1', port, ca: ca.certPem, servername: 'localhost', maxVersion };
        const before = connect(options);
        let session: Buffer | undefined;
        before.on('session', (given) => (session = given));
        before.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
        await new Promise((resolve) => before.once('data', resolve));
        const after = connect({ ...options, session: session ?? before.getSession() });
        await new Promise((resolve, reject) =>
          after.once('secureConnect', () => resolve(undefined)).once('error', reject),
        );
        expect(after.isSessionReused(), maxVersion).to.equal(false);
        before.destroy();
        after.destroy();
      }
    } finally {
      stop.abort();
      server.close();
    }
  });
});
