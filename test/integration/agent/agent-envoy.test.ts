import { constants } from 'node:fs';
import { copyFile, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { expect } from 'chai';

import type { InstanceStatus } from '../../../agent/instances/instance-status.ts';
import { recordOf } from '../../../agent/envoy/process-record.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type App, call, startApp } from './agent-app.ts';
import { type Machine, eventually, makeMachine } from './agent-machine.ts';
import { type Rig, startRig } from './agent-rig.ts';
import { callAtRate } from './call-at-rate.ts';

const PER_SECOND = 200;

/** One machine with the only instance of add-svc, and a caller of it: every call goes through two of its Envoys. */
describe('Envoy on a machine, replaced by another', function () {
  this.timeout(90_000);
  let rig: Rig;
  let machine: Machine;
  let app: App;
  let upstreamPort: number;
  /** Where the machine's Envoy is installed. */
  let installed: string;

  const instances = async (): Promise<InstanceStatus[]> => (await machine.status()).instances;
  const allServe = (): Promise<InstanceStatus[]> =>
    eventually('all instances are passing in the mesh', 20_000, async () => {
      const held = await instances();
      const serve = held.every(({ inMesh, now }) => inMesh === 'passing' && now.health === 'passing');
      return held.length === 2 && serve && held;
    });
  /** As a package manager or the install script does it: written beside it, and renamed. */
  const install = async (program: string): Promise<void> => {
    await copyFile(program, `${installed}.new`, constants.COPYFILE_FICLONE);
    await rename(`${installed}.new`, installed);
  };
  /** Other members of the mesh: Consul admits a tenth more streams of Envoys than it has proxies. */
  const registerOthers = async (count: number): Promise<void> => {
    for (let port = 1; port <= count; port += 1) {
      const proxy = { Kind: 'connect-proxy', Service: 'crowd-sidecar', ID: `crowd-${port}`, Port: port };
      const body = {
        Node: 'crowd',
        Address: '127.0.0.1',
        Service: { ...proxy, Proxy: { DestinationServiceName: 'crowd' } },
      };
      await rig.consul.transport().send({ method: 'PUT', path: '/catalog/register', body });
    }
  };
  /** The shared memory of a process; other Envoys of this machine have theirs. */
  const regionOf = async (pid: number): Promise<string | undefined> =>
    /\/dev\/shm\/(envoy_shared_memory_\d+)/.exec(await readFile(`/proc/${pid}/maps`, 'utf8'))?.[1];

  before(async function () {
    this.timeout(600_000);
    machine = await makeMachine();
    const [port = 0, localPort = 0] = await freePorts(2);
    upstreamPort = localPort;
    app = await startApp(port, 'a');
    installed = join(machine.folder, 'envoy');
    await install(await ensurePart('envoy-before', silent));
    rig = await startRig({ leaseMs: 3000 });
    rig.admit('add-svc', [], { drainTime: '2s' });
    rig.admit('caller', [{ service: 'add-svc', localPort: upstreamPort }], { drainTime: '2s' });
    await rig.letCall('caller', 'add-svc');
    const flags = ['--host-name', 'vm-a', '--no-systemd'];
    await machine.landbridge('vm', 'join', await rig.invite('add-svc'), '--port', String(port), ...flags);
    await machine.landbridge('vm', 'join', await rig.invite('caller'), ...flags);
    machine.startAgent({ LANDBRIDGE_ENVOY: installed });
    await allServe();
  });
  after(async () => {
    await machine?.remove();
    await app?.stop();
    await rig?.stop();
  });

  it('is upgraded by itself soon after another version was installed, under 200 calls a second, and none fails', async () => {
    const before = await allServe();
    await eventually('calls are let in', 10_000, () => call(upstreamPort));
    const calls = callAtRate(upstreamPort, PER_SECOND);
    await delay(1000);
    await install(await ensurePart('envoy', silent));
    const after = await eventually('both run the new version', 30_000, async () => {
      const held = await instances();
      return held.every(({ envoy }, index) => envoy.version !== before[index]!.envoy.version) && held;
    });
    await eventually('those before have left', 15_000, async () => {
      const alive = await Promise.all(before.map(({ envoy }) => recordOf(envoy.pid!)));
      return alive.every((record) => record === undefined);
    });
    await delay(1000);
    const { answered, failures } = await calls.stop();
    expect([...new Set(failures)], `${failures.length} calls failed`).to.deep.equal([]);
    expect(answered).to.be.greaterThan(PER_SECOND * 5);
    expect(after.map(({ sidecarPort }) => sidecarPort)).to.deep.equal(before.map(({ sidecarPort }) => sidecarPort));
    expect(after.map(({ envoy }) => envoy.restarts)).to.deep.equal([0, 0]);
  });

  it('says that there is nothing to do when there is not', async () => {
    const { code, stdout } = await machine.landbridge('vm', 'upgrade-envoy');
    expect({ code, stdout }).to.deep.equal({ code: 0, stdout: 'every Envoy runs the installed program already\n' });
  });

  it('goes on with the running Envoy when the installed program is not an Envoy, and says so', async () => {
    const before = await allServe();
    await writeFile(`${installed}.new`, '#!/bin/sh\necho hello\n', { mode: 0o755 });
    await rename(`${installed}.new`, installed);
    await eventually('it is named', 20_000, async () =>
      (await machine.status()).problems.some((problem) => problem.includes('is not an Envoy that runs here')),
    );
    expect((await allServe()).map(({ envoy }) => envoy.pid)).to.deep.equal(before.map(({ envoy }) => envoy.pid));
  });

  it('goes on with what runs when the new one ends as it takes over, and is upgraded with the next that does not', async () => {
    const before = await allServe();
    const real = await ensurePart('envoy', silent);
    const broken = `#!/bin/sh\ncase "$1" in --*version) exec ${real} "$1" ;; esac\necho "[x][critical] no luck" >&2\nexit 1\n`;
    await writeFile(`${installed}.new`, broken, { mode: 0o755 });
    await rename(`${installed}.new`, installed);
    const calls = callAtRate(upstreamPort, 50);
    const failed = await machine.landbridge('vm', 'upgrade-envoy');
    expect(failed.code).to.equal(1);
    expect(failed.stderr).to.match(
      /^error: Envoys go on as they are: add-svc-vm-a-\d+: Envoy ended \(exit 1\): no luck/,
    );
    await delay(2000);
    expect((await allServe()).map(({ envoy }) => envoy.pid)).to.deep.equal(before.map(({ envoy }) => envoy.pid));
    expect(await calls.stop()).to.deep.include({ failures: [] });

    await install(await ensurePart('envoy-before', silent));
    const upgraded = await machine.landbridge('vm', 'upgrade-envoy');
    expect(upgraded, upgraded.stderr).to.include({ code: 0 });
    expect(upgraded.stdout).to.match(/^(upgraded \S+: Envoy 1\.40\.0 -> 1\.39\.0\n){2}$/);
    await allServe();
    expect((await machine.status()).problems).to.deep.equal([]);
  });

  it('is upgraded again while the one before the last still drains, and no call fails', async () => {
    await registerOthers(40);
    for (const service of ['add-svc', 'caller']) {
      rig.admit(service, service === 'caller' ? [{ service: 'add-svc', localPort: upstreamPort }] : [], {
        drainTime: '60s',
      });
    }
    await eventually('the machine has heard of the long drain', 10_000, async () => {
      const learnt = await readFile(join(machine.stateDir, 'known.json'), 'utf8');
      return learnt.match(/"drainTime": ?"60s"/g)?.length === 2;
    });
    const first = await allServe();
    const calls = callAtRate(upstreamPort, PER_SECOND);
    try {
      for (const program of ['envoy', 'envoy-before'] as const) {
        await install(await ensurePart(program, silent));
        const { code, stderr } = await machine.landbridge('vm', 'upgrade-envoy');
        expect(code, stderr).to.equal(0);
        await delay(1000);
      }
      await eventually('of the first nobody is left', 15_000, async () => {
        const alive = await Promise.all(first.map(({ envoy }) => recordOf(envoy.pid!)));
        return alive.every((record) => record === undefined);
      });
    } finally {
      await calls.stop();
    }
    const { answered, failures } = await calls.stop();
    expect([...new Set(failures)], `${failures.length} calls failed`).to.deep.equal([]);
    expect(answered).to.be.greaterThan(PER_SECOND * 2);
    const now = await allServe();
    expect(now.map(({ envoy }) => envoy.restarts)).to.deep.equal([0, 0]);
    expect(now.map(({ envoy }) => envoy.version)).to.deep.equal(first.map(({ envoy }) => envoy.version));
    expect((await machine.status()).problems).to.deep.equal([]);
  });

  it('leaves no shared memory behind when the agent ends', async () => {
    const ours = await Promise.all((await allServe()).map(({ envoy }) => regionOf(envoy.pid!)));
    expect(new Set(ours)).to.have.property('size', 2);
    expect(await readdir('/dev/shm')).to.include.members(ours);
    await machine.endAgent('SIGTERM');
    expect(await readdir('/dev/shm')).to.not.include.oneOf(ours);
  });
});
