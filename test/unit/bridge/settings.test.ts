import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readSecrets, readSettings } from '../../../bridge/settings.ts';

const ENV = {
  LANDBRIDGE_BRIDGE_ADVERTISE: '10.89.0.3:30443, [fd00::3]:30443',
  LANDBRIDGE_CONSUL_GRPC_ADVERTISE: '10.89.0.3:30503',
};

describe('the settings of a bridge', () => {
  it('need two variables and default the others', () => {
    const settings = readSettings(ENV);
    expect(settings.advertise).to.deep.equal(['10.89.0.3:30443', '[fd00::3]:30443']);
    expect(settings).to.deep.include({
      leaseMs: 6000,
      deregisterAfterMs: 72 * 3_600_000,
      port: 8443,
      telemetryPort: 8080,
    });
    expect(settings.consul.addresses).to.deep.equal(['landbridge-consul.landbridge.svc:8501']);
  });

  it('take the DNS of Consul by name, by IPv4 and by IPv6', () => {
    const of = (text: string) => readSettings({ ...ENV, LANDBRIDGE_CONSUL_DNS: text }).consulDns;
    expect(of('consul.example:8600')).to.deep.equal({ host: 'consul.example', port: 8600 });
    expect(of('[fd00::53]:53')).to.deep.equal({ host: 'fd00::53', port: 53 });
    expect(of('[::ffff:10.0.0.1]:53')).to.deep.equal({ host: '::ffff:10.0.0.1', port: 53 });
    expect(of('')).to.equal(undefined);
    for (const text of ['fd00::53:53', '[fd00::53]', '10.0.0.1:0', '10.0.0.1:65536', '[fe80::1%eth0]:53', '[x]:1'])
      expect(() => of(text), text).to.throw('LANDBRIDGE_CONSUL_DNS: not of the form host:port');
  });

  it('take no address of a bridge that no machine could call', () => {
    for (const text of ['[fd00::3]:0', '[fd00::3]:70000', '[:::]:1', 'fd00::3:30443', '[fe80::3%eth0]:30443'])
      expect(() => readSettings({ ...ENV, LANDBRIDGE_BRIDGE_ADVERTISE: text }), text).to.throw(
        'not of the form host:port',
      );
  });

  it('name every variable that is wrong or missing, at once', () => {
    const env = { LANDBRIDGE_BRIDGE_ADVERTISE: 'nowhere', LANDBRIDGE_LEASE_MS: 'soon', LANDBRIDGE_LOG_LEVEL: 'loud' };
    expect(() => readSettings(env))
      .to.throw(/LANDBRIDGE_BRIDGE_ADVERTISE: not of the form host:port/)
      .with.property('message')
      .that.includes('LANDBRIDGE_CONSUL_GRPC_ADVERTISE is not set')
      .and.includes('LANDBRIDGE_LEASE_MS: ')
      .and.includes('LANDBRIDGE_LOG_LEVEL: ');
  });

  it('name the secret file that is missing or empty', () => {
    const folder = mkdtempSync(join(tmpdir(), 'landbridge-settings-'));
    try {
      for (const file of ['consul-token', 'consul-ca.crt', 'signing.key', 'ca.crt'])
        writeFileSync(join(folder, file), 'x\n');
      expect(() => readSecrets(folder)).to.throw(/ca\.key \(ENOENT\).*Secret landbridge-bridge/);
      writeFileSync(join(folder, 'ca.key'), '\n');
      expect(() => readSecrets(folder)).to.throw(/ca\.key is empty/);
      writeFileSync(join(folder, 'ca.key'), 'y\n');
      expect(readSecrets(folder)).to.deep.include({ consulToken: 'x', caKeyPem: 'y' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
