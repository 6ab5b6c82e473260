import { readFile, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:net';
import { join } from 'node:path';

import { expect } from 'chai';

import { validityOf } from '../../../agent/state/certificate.ts';
import type { InstanceStatus } from '../../../agent/instances/instance-status.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type App, startApp } from './agent-app.ts';
import { type Machine, eventually, makeMachine } from './agent-machine.ts';
import { type Rig, startRig } from './agent-rig.ts';

/** An agent with trouble on its own machine and with its own credentials. */
describe('the agent in trouble', function () {
  this.timeout(60_000);
  let rig: Rig;
  let machine: Machine;
  let app: App;

  const instance = async (): Promise<InstanceStatus | undefined> => (await machine.status()).instances[0];
  const inMesh = (): Promise<InstanceStatus> =>
    eventually('the instance is passing in the mesh', 15_000, async () => {
      const held = await instance();
      return held?.inMesh === 'passing' && held.now.health === 'passing' && held;
    });
  const edit = async <T>(file: string, change: (value: T) => void): Promise<void> => {
    const path = join(machine.stateDir, file);
    const value = JSON.parse(await readFile(path, 'utf8')) as T;
    change(value);
    await writeFile(path, JSON.stringify(value));
  };
  const certificateFile = (): string => join(machine.stateDir, 'host.crt');

  before(async function () {
    this.timeout(600_000);
    machine = await makeMachine();
    const [port = 0] = await freePorts(1);
    app = await startApp(port, 'a');
    rig = await startRig({ leaseMs: 3000 });
    rig.admit('add-svc');
    const flags = ['--port', String(port), '--host-name', 'vm-a', '--no-systemd'];
    const joined = await machine.landbridge('vm', 'join', await rig.invite('add-svc'), ...flags);
    expect(joined, joined.stderr).to.include({ code: 0 });
  });
  afterEach(() => machine.endAgent('SIGTERM'));
  after(async () => {
    await machine?.remove();
    await app?.stop();
    await rig?.stop();
  });

  it('asks again with the same invite when the answer to its join was lost', async () => {
    const invite = await rig.invite('add-svc');
    const flags = ['--port', String(app.port), '--host-name', 'vm-lost', '--no-systemd'];
    const other = await makeMachine();
    try {
      expect(await other.landbridge('vm', 'join', invite, ...flags)).to.include({ code: 0 });
      await other.forget('host.crt', 'host.json');
      expect(await other.landbridge('vm', 'join', invite, ...flags)).to.include({ code: 0 });
    } finally {
      await other.remove();
    }
  });

  it('renews a certificate past half its life, and one that has run out while the machine was off', async () => {
    const key = await readFile(join(machine.stateDir, 'host.key'), 'utf8');
    for (const ageHours of [13, 25]) {
      await writeFile(certificateFile(), await rig.certificate('vm-a', key, ageHours * 3_600_000));
      machine.startAgent();
      await inMesh();
      const { untilMs } = validityOf(await readFile(certificateFile(), 'utf8'));
      expect(untilMs - Date.now()).to.be.greaterThan(23 * 3_600_000);
      await machine.endAgent('SIGTERM');
    }
  });

  it('uses another bridge when the first is dead, and stays with it', async () => {
    const [dead = 0] = await freePorts(1);
    await edit<{ bridges: string[] }>('host.json', (host) => void host.bridges.unshift(`127.0.0.1:${dead}`));
    machine.startAgent();
    await inMesh();
    const { bridge } = await machine.status();
    expect(bridge.address).to.equal(rig.bridgeAddress);
    expect(bridge.problem).to.equal(undefined);
    await edit<{ bridges: string[] }>('host.json', (host) => void host.bridges.shift());
  });

  it('does not talk to a bridge of another authority, and says so', async () => {
    const file = join(machine.stateDir, 'bridge-ca.crt');
    const right = await readFile(file, 'utf8');
    await writeFile(file, rig.consul.caPem ?? '');
    machine.startAgent();
    await eventually('the problem is named', 10_000, async () =>
      (await machine.status()).bridge.problem?.includes('comes from another authority than this host joined'),
    );
    await machine.endAgent('SIGTERM');
    await writeFile(file, right);
  });

  it('takes another port when its sidecar’s was taken while it was off', async () => {
    const ports = JSON.parse(await readFile(join(machine.stateDir, 'ports.json'), 'utf8')) as Record<string, number>;
    const [[id, before]] = Object.entries(ports) as [[string, number]];
    const thief = await occupy(before);
    machine.startAgent();
    const { sidecarPort } = await inMesh();
    expect(sidecarPort).to.be.within(21000, 21255).and.not.equal(before);
    expect(JSON.parse(await readFile(join(machine.stateDir, 'ports.json'), 'utf8'))).to.deep.equal({
      [id]: sidecarPort,
    });
    await new Promise((resolve) => thief.close(resolve));
  });

  it('moves to another port when its sidecar’s is taken while Envoy is down', async () => {
    machine.startAgent();
    const { sidecarPort: before = 0, envoy } = await inMesh();
    process.kill(envoy.pid!, 'SIGKILL');
    const thief = await eventually('the port is free for a moment', 5000, () => occupy(before));
    const { sidecarPort } = await eventually('it has moved', 15_000, async () => {
      const held = await instance();
      return held?.inMesh === 'passing' && held.now.health === 'passing' && held.sidecarPort !== before && held;
    });
    expect(sidecarPort).to.be.within(21000, 21255);
    await new Promise((resolve) => thief.close(resolve));
  });

  it('asks for another token when Consul does not know the one it has', async () => {
    machine.startAgent();
    const { envoy } = await inMesh();
    const tokens = async () =>
      JSON.parse(await readFile(join(machine.stateDir, 'tokens.json'), 'utf8')) as Record<string, { token: string }>;
    const lost = (await tokens())['add-svc']!.token;
    await machine.endAgent('SIGTERM');
    await rig.endToken(lost);
    // A bridge that issued it a moment ago would give it again.
    await rig.bridgeDown();
    await rig.bridgeUp();
    machine.startAgent();
    const { envoy: now } = await inMesh();
    expect(now.restarts).to.equal(0);
    expect(now.pid).to.not.equal(envoy.pid);
    expect((await tokens())['add-svc']!.token).to.not.equal(lost);
  });

  it('says that Envoy is missing, or why it ends, and goes on trying', async () => {
    machine.startAgent({ LANDBRIDGE_ENVOY: '/nowhere/envoy' });
    await eventually('the missing Envoy is named', 10_000, async () =>
      (await instance())?.envoy.problem?.includes('there is no Envoy at /nowhere/envoy'),
    );
    expect((await instance())?.now.health).to.equal('critical');
    await machine.endAgent('SIGTERM');

    const broken = join(machine.folder, 'broken-envoy');
    await writeFile(
      broken,
      '#!/bin/sh\necho "[2026][1][critical][main] [x.cc:1] no such field: listenerz" >&2\nexit 1\n',
      {
        mode: 0o755,
      },
    );
    machine.startAgent({ LANDBRIDGE_ENVOY: broken });
    const { envoy } = await eventually('it has tried again', 10_000, async () => {
      const held = await instance();
      return held !== undefined && held.envoy.restarts >= 3 && held.envoy.state === 'waiting' && held;
    });
    expect(envoy.problem).to.equal('Envoy ended (exit 1): no such field: listenerz');
    const { restarts } = envoy;
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect((await instance())!.envoy.restarts - restarts, 'restarts in two seconds').to.be.at.most(4);
  });

  it('is one on a machine: a second one does not start, and disturbs nothing', async () => {
    machine.startAgent();
    const { envoy } = await inMesh();
    const second = await machine.landbridge('agent', 'run');
    expect(second).to.include({ code: 1 });
    expect(second.stderr).to.match(/^error: An agent runs on this machine already/);
    expect((await instance())?.envoy).to.include({ pid: envoy.pid, restarts: 0 });
  });

  it('does not start on damaged state, and says what to do', async () => {
    const file = join(machine.stateDir, 'host.json');
    const right = await readFile(file, 'utf8');
    await writeFile(file, right.slice(0, 40));
    const { code, stderr } = await machine.landbridge('agent', 'run');
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: .*host\.json is damaged \(not JSON\): .*vm join.*\n$/);
    await writeFile(file, right);
  });
});

function occupy(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '0.0.0.0', () => resolve(server));
  });
}
