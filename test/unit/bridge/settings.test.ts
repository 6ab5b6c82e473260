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
