import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { createAuthority, issue } from '../../../clients/pki/authority.ts';
import { readCertificate } from '../../../operator/edge-certificate.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const DAY = 86_400_000;

describe('a certificate for the edge gateway', () => {
  const read = (data: Record<string, string> | undefined, now = NOW) => {
    const encoded = data && Object.fromEntries(Object.entries(data).map(([key, text]) => [key, base64(text)]));
    const get = async () => (encoded === undefined ? undefined : { metadata: { name: 'tls' }, data: encoded });
    return readCertificate({ get: get as never }, 'shop/tls', now);
  };
  let pair: { 'tls.crt': string; 'tls.key': string };
  before(async () => {
    const authority = await createAuthority('test', { nowMs: NOW, days: 10 });
    const input = { commonName: 'a.example', dns: ['a.example'], usage: 'server' as const, nowMs: NOW, days: 2 };
    const { certPem, keyPem } = await issue(authority, input);
    pair = { 'tls.crt': certPem, 'tls.key': keyPem };
  });

  it('is the pair of the Secret', async () => {
    expect(await read(pair)).to.deep.equal({ certificate: pair['tls.crt'], privateKey: pair['tls.key'] });
  });

  it('is refused with the sentence of what to mend, before Consul or Envoy see it', async () => {
    const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString();
    expect(await read(undefined)).to.match(/there is no Secret shop\/tls/);
    expect(await read({ 'tls.crt': pair['tls.crt'] })).to.match(/lacks tls.crt or tls.key/);
    expect(await read({ ...pair, 'tls.crt': 'nonsense' })).to.match(/no certificate in PEM/);
    expect(await read({ ...pair, 'tls.key': 'nonsense' })).to.match(/no private key in PEM/);
    expect(await read({ ...pair, 'tls.key': otherKey })).to.match(/is not the key of tls.crt/);
    expect(await read(pair, NOW + 3 * DAY)).to.match(/ran out/);
  });
});
