import { type Server, connect, createServer } from 'node:net';

import { expect } from 'chai';

import { registrationsOf } from '../../../mesh/service/instance.ts';
import { readReport } from '../../../mesh/status/reach.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type Machine, eventually, makeMachine } from './agent-machine.ts';
import { type Rig, SITE, startRig } from './agent-rig.ts';

/** A pod that Consul hands out and that no way leads to from the machine. */
describe('an agent that cannot reach its pods', function () {
  this.timeout(120_000);
  let rig: Rig;
  let machine: Machine;
  let pod: Server | undefined;

  before(async function () {
    this.timeout(600_000);
    machine = await makeMachine();
    rig = await startRig({ leaseMs: 3000 });
    const [localPort = 0] = await freePorts(1);
    rig.admit('db');
    rig.admit('caller', [{ service: 'db', localPort }]);
    await rig.letCall('caller', 'db');
    const node = { Node: 'k8s.lab.shop.db', Address: '127.0.0.1', Meta: {} };
    const registrations = registrationsOf({
      id: 'db-0',
      service: 'db',
      platform: 'pod',
      site: 'lab',
      address: '127.0.0.61',
      appPort: 5432,
      sidecarPort: 20000,
      health: 'passing',
      output: '',
      upstreams: [],
      accessLog: 'none',
    });
    const outcomes = await rig.reader.apply([
      { op: 'set-node', node },
      ...registrations.map((registration) => ({ op: 'register' as const, node, registration })),
    ]);
    expect(outcomes.every(({ ok }) => ok)).to.equal(true);
  });
  after(async () => {
    await machine?.remove();
    await rig?.stop();
    pod?.close();
  });

  const found = async () => {
    const held = await rig.reader.kvGet(`landbridge/reach/${SITE}`);
    return held && readReport(held.value, Date.now())?.services.db;
  };

  it('says so where it joins, the bridge tells it, and both take it back', async () => {
    const flags = ['--host-name', 'vm-far', '--no-systemd'];
    const joined = await machine.landbridge('vm', 'join', await rig.invite('caller'), ...flags);
    expect(joined, joined.stderr).to.include({ code: 0 });
    machine.startAgent();
    const tested = await eventually('it was tried', 20_000, async () => {
      const { stdout } = await machine.landbridge('vm', 'test');
      return /127\.0\.0\.61/.test(stdout) && stdout;
    });
    expect(tested).to.match(
      /1 of its pods cannot be reached from here, 127\.0\.0\.61:20000 for example \(ECONNREFUSED\): route the pod network/,
    );
    const lost = await eventually('the bridge has written it', 40_000, async () => (await found())?.unreached[0]);
    expect(lost).to.deep.equal({
      address: '127.0.0.61:20000',
      host: 'vm-far',
      output: 'ECONNREFUSED',
      bridgeReaches: false,
    });
    pod = createServer((socket) => socket.end()).listen(20000, '127.0.0.61');
    const { stdout } = await machine.landbridge('vm', 'test');
    expect(stdout).not.to.contain('127.0.0.61');
    await eventually('it is taken back', 40_000, async () => (await found())?.unreached.length === 0);
  });

  it('and one whose app never listens: joining waits, and both it and the status say what is missing', async () => {
    rig.admit('mute');
    const [port = 0] = await freePorts(1);
    const flags = ['--port', String(port), '--host-name', 'vm-far', '--no-systemd'];
    const joined = await machine.landbridge('vm', 'join', await rig.invite('mute'), ...flags);
    expect(joined.code).to.equal(1);
    expect(joined.stderr).to.match(
      /has joined, but not all is healthy after \d+\.\d s: mute-vm-far-\d+: its check fails: .*refused/i,
    );
    const status = await machine.landbridge('vm', 'status');
    expect(status.stdout)
      .to.match(/mute-vm-far-\d+.*critical/)
      .and.to.match(/refused/i);
    const instances = await rig.reader.health('mute');
    expect(instances.map(({ status: health }) => health)).to.deep.equal(['critical']);
  });

  it('and one that is revoked: its instances are gone at once, and its sidecars refuse connections', async () => {
    const { instances } = await machine.status();
    const { sidecarPort = 0 } = instances.find(({ service }) => service === 'mute')!;
    const open = () =>
      new Promise<boolean>((resolve) => {
        const socket = connect({ host: '127.0.0.1', port: sidecarPort });
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
        socket.once('connect', () => socket.destroy());
      });
    await eventually('its sidecar listens', 20_000, open);
    await rig.revoke('vm-far');
    expect(await rig.reader.health('mute')).to.deep.equal([]);
    await eventually('it does no more', 5000, async () => !(await open()));
    expect((await machine.landbridge('vm', 'status')).stdout).to.contain('revoked');
  });
});
