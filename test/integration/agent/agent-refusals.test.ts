import { expect } from 'chai';

import { readMachineReport } from '../../../mesh/outside/machine-report.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type Machine, eventually, makeMachine } from './agent-machine.ts';
import { type Rig, SITE, startRig } from './agent-rig.ts';

/** A real agent with a real Envoy, bridge and Consul. */
describe('an agent whose Envoy refuses what Consul gives it', function () {
  this.timeout(180_000);
  let rig: Rig;
  let machine: Machine;

  before(async function () {
    this.timeout(600_000);
    machine = await makeMachine();
    rig = await startRig({ leaseMs: 3000 });
    const [localPort = 0] = await freePorts(1);
    rig.admit('web');
    rig.admit('caller', [{ service: 'web', localPort }]);
    await rig.letCall('caller', 'web');
    const joined = await machine.landbridge(
      'vm',
      'join',
      await rig.invite('caller'),
      '--host-name',
      'vm1',
      '--no-systemd',
    );
    expect(joined, joined.stderr).to.include({ code: 0 });
    machine.startAgent();
    await eventually(
      'its Envoy is live',
      20_000,
      async () => (await machine.status()).instances[0]?.envoy.state === 'live',
    );
  });
  after(async () => {
    await machine?.remove();
    await rig?.stop();
  });

  const put = async (body: object): Promise<void> => {
    const transport = rig.consul.transport();
    await transport.send({ method: 'PUT', path: '/config', body });
    transport.close();
  };
  const router = (value: string) => ({
    Kind: 'service-router',
    Name: 'web',
    Routes: [
      {
        Match: { HTTP: { PathPrefix: '/e/' } },
        Destination: { PrefixRewrite: '/e/', ResponseHeaders: { Set: { 'x-discount': value } } },
      },
    ],
  });
  const report = async () => {
    const held = await rig.reader.kvGet(`landbridge/proxies/${SITE}/vm1`);
    return held && readMachineReport(held.value, Date.now());
  };

  it('tells the bridge within 5 s, in Envoy’s words, shows it on the machine, and takes it back', async () => {
    expect(await report(), 'a machine where all is well says nothing').to.equal(undefined);
    await put(router('50% off'));
    const told = await eventually('the bridge has written it', 5000, report);
    expect(told.proxies).to.have.length(1);
    expect(told.proxies[0]).to.include({ service: 'caller' });
    expect(told.proxies[0]!.refusals[0]).to.include({ kind: 'route', rejected: 1 });
    expect(told.proxies[0]!.refusals[0]!.words).to.match(/^Incorrect configuration: 50% off/);
    const { stdout } = await machine.landbridge('vm', 'status');
    expect(stdout).to.contain('it refused its route: Incorrect configuration: 50% off');
    expect((await machine.status()).instances[0]?.now.health, 'it serves as before').to.equal('passing');
    await put(router('half price'));
    await eventually('it is taken back', 5000, async () => (await report()) === undefined);
    expect((await machine.status()).instances[0]?.envoy.problem).to.equal(undefined);
  });

  it('tells of clusters as well', async () => {
    const cluster = {
      '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
      name: 'x',
      connect_timeout: '-5s',
    };
    const transport = rig.consul.transport();
    await transport.send({ method: 'DELETE', path: '/config/service-router/web' });
    transport.close();
    const defaults = (override: object) => ({
      Kind: 'service-defaults',
      Name: 'caller',
      Protocol: 'http',
      UpstreamConfig: { Overrides: [{ Name: 'web', ...override }] },
    });
    await put(defaults({ EnvoyClusterJSON: JSON.stringify(cluster) }));
    const told = await eventually('the bridge has written it', 8000, report);
    expect(told.proxies[0]!.refusals.map(({ kind }) => kind)).to.include('cluster');
    expect(told.proxies[0]!.refusals[0]!.words).to.contain('Invalid duration');
    await put(defaults({ ConnectTimeoutMs: 4000 }));
    await eventually('it is taken back', 8000, async () => (await report()) === undefined);
  });

  it('says it again to a bridge that has lost it, or was not there', async () => {
    await rig.bridgeDown();
    await put(router('60% off'));
    await eventually('its Envoy has refused it', 8000, async () =>
      /60% off/.test((await machine.status()).instances[0]?.envoy.problem ?? ''),
    );
    await rig.bridgeUp();
    await eventually('the bridge has written it', 10_000, async () => (await report())?.proxies[0]);
  });

  it('leaves nothing behind when the machine leaves', async () => {
    const left = await machine.landbridge('vm', 'leave', '--all');
    expect(left, left.stderr).to.include({ code: 0 });
    await eventually('its key is gone', 10_000, async () => (await report()) === undefined);
  });
});
