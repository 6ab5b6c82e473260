import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { createAuthority, issue } from '../../../../clients/pki/authority.ts';
import { readCertificate } from '../../../../operator/gateways/edge-certificate.ts';

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
    const names = ['a.example'];
    expect(await read(pair)).to.deep.equal({ certificate: pair['tls.crt'], privateKey: pair['tls.key'], names });
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

  it('is refused where Envoy would refuse it and keep the certificates of all others from changing', async () => {
    const broken = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    expect(await read({ ...pair, 'tls.crt': `${pair['tls.crt']}${broken}` })).to.match(/no certificate in PEM/);
    expect(await read({ ...pair, 'tls.crt': pair['tls.crt'].repeat(11) })).to.match(/11 certificates: 10 at most/);
    expect(await read({ ...pair, 'tls.crt': `${pair['tls.crt']}${'x'.repeat(70_000)}` })).to.match(/bytes: 65536/);
    const { certPem, keyPem } = await createAuthority('signer', { nowMs: NOW, days: 10 });
    expect(await read({ 'tls.crt': certPem, 'tls.key': keyPem })).to.match(/may not be used for digital signatures/);
    expect(await read({ ...pair, 'tls.crt': `${certPem}${pair['tls.crt']}` })).to.match(
      /another certificate before that of tls.key: put the one of the server first/,
    );
  });

  it('leaves out what else stands in the files', async () => {
    const text = `Bag Attributes\n${pair['tls.crt']}-----BEGIN OTHER-----\nAAAA\n-----END OTHER-----\n`;
    expect(await read({ ...pair, 'tls.crt': text })).to.include({ certificate: pair['tls.crt'] });
  });

  it('tells its names: those of hosts in small letters, or else the common name; 256 at most', async () => {
    const authority = await createAuthority('test', { nowMs: NOW, days: 10 });
    const namesOf = async (commonName: string, dns: string[], ips: string[] = []) => {
      const input = { commonName, dns, ips, usage: 'server' as const, nowMs: NOW, days: 2 };
      const { certPem, keyPem } = await issue(authority, input);
      const found = await read({ 'tls.crt': certPem, 'tls.key': keyPem });
      return typeof found === 'string' ? found : found.names;
    };
    expect(await namesOf('a.example', ['B.Example', '*.c.example'], ['10.0.0.1'])).to.deep.equal([
      ...['b.example', '*.c.example'],
    ]);
    expect(await namesOf('CN.example', [])).to.deep.equal(['cn.example']);
    expect(await namesOf('', ['b.example'])).to.match(/common name that is empty: leave it out, or give one/);
    const many = Array.from({ length: 257 }, (_, index) => `h${index}.example`);
    expect(await namesOf('a.example', many)).to.match(/for 257 names: 256 at most/);
  });
});
