import { expect } from 'chai';
import { readSettings } from '../../../../operator/bootstrap/settings.ts';
import { chart, everything, ofKind } from '../../charts/objects.ts';

describe('Settings of the bootstrap job', () => {
  it('are what the chart gives it', () => {
    const [job] = ofKind(chart(everything), 'Job');
    const env = Object.fromEntries(
      job!['spec'].template.spec.containers[0].env.map(({ name, value }: { name: string; value?: string }) => [
        name,
        value ?? 'landbridge',
      ]),
    );
    expect(readSettings(env)).to.deep.equal({
      cluster: 'lab',
      namespace: 'landbridge',
      consul: { addresses: ['landbridge-consul.landbridge.svc:8501'], serverName: 'server.dc1.consul' },
      tokenTtl: '1h',
      bridgeAddresses: '192.0.2.10:30443',
      patienceMs: 600_000,
      logLevel: 'info',
    });
  });

  it('name every variable that is missing or wrong', () => {
    expect(() => readSettings({ LANDBRIDGE_TOKEN_TTL: 'soon' })).to.throw(
      'the environment of the bootstrap job is wrong: LANDBRIDGE_CLUSTER is not set; ' +
        'LANDBRIDGE_TOKEN_TTL is no duration such as 30m or 1h',
    );
  });
});
