import { X509Certificate, createHash, createPrivateKey } from 'node:crypto';
import { expect } from 'chai';
import { SECRETS } from '../../../../mesh/installation/installation.ts';
import { keepMaterial } from '../../../../operator/bootstrap/material.ts';
import { memoryStore } from './parts.ts';

const NOW = Date.parse('2030-01-01T00:00:00Z');
const YEAR_MS = 365 * 86_400_000;

describe('keepMaterial', () => {
  let store: ReturnType<typeof memoryStore>;
  const keep = (nowMs = NOW) => keepMaterial({ store, nowMs, bridgeAddresses: '192.0.2.10:30443' });
  const certificate = (secret: string, key = 'tls.crt') => new X509Certificate(store.all.get(secret)![key]!);

  beforeEach(async () => {
    store = memoryStore();
    await keep();
  });

  it('gives each Secret the keys that its reader expects', () => {
    const keys = Object.fromEntries([...store.all].map(([name, data]) => [name, Object.keys(data).sort()]));
    expect(keys).to.deep.equal({
      'landbridge-consul-ca': ['ca.crt', 'ca.key'],
      'landbridge-consul-server': [
        'ca.crt',
        'consul-accessor',
        'consul-token',
        'dns-accessor',
        'dns-token',
        'dns.json',
        'gossip.json',
        'tls.crt',
        'tls.key',
      ],
      'landbridge-consul-management': ['token'],
      'landbridge-operator': ['consul-accessor', 'consul-ca.crt', 'consul-token', 'default-mutual-tls', 'signing.key'],
      'landbridge-bridge': [
        'admin-keys',
        'ca.crt',
        'ca.key',
        'consul-accessor',
        'consul-ca.crt',
        'consul-token',
        'default-mutual-tls',
        'signing.key',
      ],
      'landbridge-bridge-admin': ['addresses', 'ca.crt', 'tls.crt', 'tls.key'],
    });
  });

  it('gives the Consul server a certificate for every name it is dialled by, for both ends of a connection', () => {
    const server = certificate(SECRETS.consulServer);
    const ca = certificate(SECRETS.consulCa, 'ca.crt');
    expect(server.verify(ca.publicKey) && server.checkIssued(ca)).to.equal(true);
    for (const name of ['server.dc1.consul', 'localhost', 'landbridge-consul', 'landbridge-consul.landbridge.svc']) {
      expect(server.checkHost(name), name).to.equal(name);
    }
    expect(server.checkIP('127.0.0.1')).to.equal('127.0.0.1');
    expect(server.keyUsage).to.have.members(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(server.checkPrivateKey(createPrivateKey(store.all.get(SECRETS.consulServer)!['tls.key']!))).to.equal(true);
  });

  it('gives the admin a client certificate of the bridge CA that says so', () => {
    const admin = certificate(SECRETS.bridgeAdmin);
    expect(admin.verify(certificate(SECRETS.bridge, 'ca.crt').publicKey)).to.equal(true);
    expect(admin.subject.split('\n')).to.include('O=landbridge-admin');
    expect(admin.keyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.2']);
  });

  it('keeps the two CAs and all keys apart', () => {
    expect(certificate(SECRETS.bridge, 'ca.crt').raw.equals(certificate(SECRETS.consulCa, 'ca.crt').raw)).to.equal(
      false,
    );
    const keys = [...store.all.values()].flatMap((data) =>
      Object.entries(data).flatMap(([key, value]) => (/key|token|accessor/.test(key) ? [value] : [])),
    );
    expect(new Set(keys).size).to.equal(keys.length);
  });

  it('signs for services with P-256, as ES256 asks for', () => {
    for (const name of [SECRETS.operator, SECRETS.bridge]) {
      const key = createPrivateKey(store.all.get(name)!['signing.key']!);
      expect(key.asymmetricKeyDetails).to.include({ namedCurve: 'prime256v1' });
    }
  });

  it('gives Consul a gossip key of 32 bytes and its own token in one snippet', () => {
    const { 'gossip.json': snippet, 'consul-token': token } = store.all.get(SECRETS.consulServer)!;
    const { encrypt, acl } = JSON.parse(snippet!);
    expect(Buffer.from(encrypt, 'base64')).to.have.length(32);
    expect(acl).to.deep.equal({ tokens: { agent: token } });
  });

  it('gives a server of an installation that knew no DNS a token for it, and leaves the rest of its Secret', async () => {
    const held = store.all.get(SECRETS.consulServer)!;
    const { 'dns.json': _snippet, 'dns-token': _token, 'dns-accessor': _accessor, ...former } = held;
    store.all.set(SECRETS.consulServer, former);
    await keep();
    const mended = store.all.get(SECRETS.consulServer)!;
    expect(mended).to.include(former);
    expect(JSON.parse(mended['dns.json']!)).to.deep.equal({ acl: { tokens: { dns: mended['dns-token'] } } });
  });

  it('leaves everything as it is while it is young', async () => {
    const before = structuredClone(store.all);
    await keep(NOW + 1.9 * YEAR_MS);
    expect(store.all).to.deep.equal(before);
  });

  it('replaces certificates in the last third of their life, and nothing else', async () => {
    const before = structuredClone(store.all);
    await keep(NOW + 2.1 * YEAR_MS);
    for (const [name, data] of before) {
      const renewed = [SECRETS.consulServer, SECRETS.bridgeAdmin].includes(name as never);
      const changed = Object.keys(data).filter((key) => store.all.get(name)![key] !== data[key]);
      const told = name === SECRETS.bridge ? ['admin-keys'] : [];
      expect(changed.sort(), name).to.deep.equal(renewed ? ['tls.crt', 'tls.key'] : told);
    }
    expect(certificate(SECRETS.consulServer).verify(certificate(SECRETS.consulCa, 'ca.crt').publicKey)).to.equal(true);
  });

  it('tells the bridge of the key of the admin at hand alone, also when the Secret was deleted after a theft', async () => {
    const digest = () =>
      createHash('sha256')
        .update(certificate(SECRETS.bridgeAdmin).publicKey.export({ type: 'spki', format: 'der' }))
        .digest('hex');
    const stolen = digest();
    expect(store.all.get(SECRETS.bridge)!['admin-keys']).to.equal(stolen);
    store.all.delete(SECRETS.bridgeAdmin);
    await keep();
    expect(digest()).not.to.equal(stolen);
    expect(store.all.get(SECRETS.bridge)!['admin-keys']).to.equal(digest());
  });

  it('follows a new CA everywhere', async () => {
    store.all.delete(SECRETS.consulCa);
    const { consulCaPem } = await keep();
    expect(store.all.get(SECRETS.operator)!['consul-ca.crt']).to.equal(consulCaPem);
    expect(store.all.get(SECRETS.bridge)!['consul-ca.crt']).to.equal(consulCaPem);
    expect(certificate(SECRETS.consulServer).verify(new X509Certificate(consulCaPem).publicKey)).to.equal(true);
  });

  it('gives all of several runs at once the same material', async () => {
    store = memoryStore();
    const runs = await Promise.all([keep(), keep(), keep()]);
    expect(runs[1]).to.deep.equal(runs[0]);
    expect(runs[2]).to.deep.equal(runs[0]);
    expect(certificate(SECRETS.consulServer).verify(certificate(SECRETS.consulCa, 'ca.crt').publicKey)).to.equal(true);
  });
});
