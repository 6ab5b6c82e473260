import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect } from 'chai';

import type { InstanceStatus } from '../../../agent/instances/instance-status.ts';
import { vmNode } from '../../../mesh/names/names.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type App, call, startApp } from './agent-app.ts';
import { type Machine, eventually, makeMachine } from './agent-machine.ts';
import { type Rig, SITE, startRig } from './agent-rig.ts';

const run = promisify(execFile);

/** A machine that has no IPv4 way to anybody: bridge, Consul and its own address are all ::1. */
describe('the agent where all is IPv6', function () {
  this.timeout(60_000);
  let rig: Rig;
  let machine: Machine;
  let app: App;
  let upstreamPort: number;

  const instances = async (): Promise<InstanceStatus[]> => (await machine.status()).instances;

  before(async function () {
    this.timeout(600_000);
    machine = await makeMachine();
    const [port = 0, localPort = 0] = await freePorts(2);
    upstreamPort = localPort;
    app = await startApp(port, 'six');
    rig = await startRig({ leaseMs: 3000, at: '::1' });
    rig.admit('add-svc');
    rig.admit('caller', [{ service: 'add-svc', localPort: upstreamPort }]);
    await rig.letCall('caller', 'add-svc');
  });
  after(async () => {
    await machine?.remove();
    await app?.stop();
    await rig?.stop();
  });

  it('joins, is called and calls', async () => {
    const flags = ['--host-name', 'vm-six', '--no-systemd'];
    const joined = await machine.landbridge(
      ...['vm', 'join', await rig.invite('add-svc'), '--port', String(app.port), ...flags],
    );
    expect(joined, joined.stderr).to.include({ code: 0 });
    machine.startAgent();
    await eventually('it is passing', 20_000, async () => (await instances())[0]?.inMesh === 'passing');
    const second = await machine.landbridge('vm', 'join', await rig.invite('caller'), ...flags);
    expect(second, second.stderr).to.include({ code: 0 });
    expect(second.stdout).to.match(/joined caller at rack-1 as caller-vm-six-0 \(\[::1\]:21\d{3}\)/);
    expect(second.stdout).to.match(/ok {3}mesh -> add-svc-vm-six-\d+: \[::1\]:21\d{3}: answers as add-svc/);
    expect(await eventually('the call is answered', 10_000, () => call(upstreamPort))).to.equal('six');
    expect((await rig.reader.readNode(vmNode(SITE, 'vm-six')))?.Address).to.equal('::1');
  });
});

describe('the agent on a machine whose disk is full', function () {
  this.timeout(60_000);
  let rig: Rig;
  let machine: Machine;
  let app: App;

  const instance = async (): Promise<InstanceStatus | undefined> => (await machine.status()).instances[0];
  const inMesh = (): Promise<unknown> =>
    eventually('the instance is passing in the mesh', 20_000, async () => {
      const held = await instance();
      return held?.inMesh === 'passing' && held.now.health === 'passing';
    });

  before(async function () {
    this.timeout(600_000);
    machine = await makeMachine();
    await mkdir(machine.stateDir);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', machine.stateDir]);
    const [port = 0] = await freePorts(1);
    app = await startApp(port, 'a');
    rig = await startRig({ leaseMs: 3000 });
    rig.admit('add-svc');
    const flags = ['--port', String(port), '--host-name', 'vm-full', '--no-systemd'];
    const joined = await machine.landbridge('vm', 'join', await rig.invite('add-svc'), ...flags);
    expect(joined, joined.stderr).to.include({ code: 0 });
  });
  after(async () => {
    await machine?.endAgent('SIGKILL');
    await run('umount', [machine.stateDir]).catch(() => {});
    await machine?.remove();
    await app?.stop();
    await rig?.stop();
  });

  it('serves with what it learns and cannot write, says so in its log, and writes again when there is room', async () => {
    const filler = join(machine.stateDir, 'filler');
    await writeFile(filler, Buffer.alloc(64 * 1024)).catch((error: NodeJS.ErrnoException) =>
      expect(error.code).to.equal('ENOSPC'),
    );
    machine.startAgent();
    await inMesh();
    expect(machine.log()).to.match(/ENOSPC.*could not be written to disk; what runs goes on running/);
    const before = (await instance())!;
    expect(await machine.endAgent('SIGTERM')).to.equal(0);
    await run('rm', [filler]);
    machine.startAgent();
    await inMesh();
    const tokens = await eventually('its token is kept', 10_000, () =>
      readFile(join(machine.stateDir, 'tokens.json'), 'utf8'),
    );
    expect(tokens).to.include('add-svc');
    expect((await instance())?.id).to.equal(before.id);
  });
});
