import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join as joinPath } from 'node:path';

import { expect } from 'chai';
import type { InstanceStatus } from '../../../agent/instances/instance-status.ts';
import type { PlannedDoors } from '../../../mesh/doors/machine-doors.ts';
import { DOOR_META } from '../../../mesh/names/names.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { call } from './agent-app.ts';
import { type Machine, eventually, makeMachine } from './agent-machine.ts';
import { type Rig, startRig } from './agent-rig.ts';
import {
  type Namespace,
  type OpenApp,
  makeContainer,
  makeDoorMachine,
  makeNamespace,
  plainCall,
  plainCalls,
  startOpenApp,
} from './doors-rig.ts';

const [APP, SHELL, PUBLISHED] = [8080, 22, 8090];
const REFUSED = { ECONNREFUSED: 100 };

/** One story of one machine: a real Consul, bridge, agent, Envoys and nftables, in a network namespace of its own. */
describe('the doors of a machine', function () {
  this.timeout(90_000);
  let rig: Rig;
  let namespace: Namespace;
  let machine: Awaited<ReturnType<typeof makeDoorMachine>>;
  let caller: Machine;
  let app: OpenApp;
  let shell: OpenApp;
  let foreign: string;
  let upstream: number;
  let stopRoot = async (): Promise<void> => {};

  const says = (mode: PlannedDoors['mode'], ...plaintextPorts: number[]): void => {
    for (const service of ['target', 'shell', 'published'])
      rig.facts.set(service, { ...rig.facts.get(service)!, doors: { mode, plaintextPorts } });
  };
  const instance = async (service = 'target'): Promise<InstanceStatus> =>
    (await machine.status()).instances.find((one) => one.service === service)!;
  /** The operator reads it. */
  const inCatalog = (words: RegExp): Promise<unknown> =>
    eventually(`the catalog says ${words}`, 15_000, async () =>
      words.test((await rig.reader.health('target'))[0]?.service.Meta[DOOR_META] ?? 'nothing'),
    );
  const plain = (times = 100): Promise<Record<string, number>> =>
    plainCalls({ host: namespace.address, port: APP }, times);
  const enforced = (yes: boolean): Promise<unknown> =>
    eventually(`the port is ${yes ? 'closed' : 'open'}`, 15_000, async () => (await instance()).door?.closed === yes);
  const join = async (service: string, port: number): Promise<void> => {
    const flags = ['--port', String(port), '--host-name', 'vm-doors', '--no-systemd', '--address', namespace.address];
    const joined = await machine.landbridge('vm', 'join', await rig.invite(service), ...flags);
    expect(joined, joined.stderr).to.include({ code: 0 });
  };

  before(async function () {
    this.timeout(600_000);
    namespace = await makeNamespace();
    rig = await startRig({ leaseMs: 3000, at: namespace.outside });
    [upstream = 0] = await freePorts(1);
    for (const service of ['target', 'shell', 'published']) rig.admit(service);
    rig.admit('caller', [{ service: 'target', localPort: upstream }]);
    await rig.letCall('caller', 'target');
    says('Permissive');
    machine = await makeDoorMachine(namespace);
    await mkdir(machine.runtimeDir, { recursive: true });
    app = await startOpenApp(namespace, APP);
    shell = await startOpenApp(namespace, SHELL);
    await namespace.run(
      'nft',
      'table inet theirs { chain in { type filter hook input priority 0; policy accept; iif lo accept; tcp dport 9 counter drop; }; }',
    );
    foreign = await namespace.foreignRules();
    await join('target', APP);
    await join('shell', SHELL);
    machine.startAgent();
    caller = await makeMachine();
    const flags = ['--host-name', 'vm-caller', '--no-systemd', '--address', namespace.outside];
    const joined = await caller.landbridge('vm', 'join', await rig.invite('caller'), ...flags);
    expect(joined, joined.stderr).to.include({ code: 0 });
    caller.startAgent();
    await eventually('the mesh call is answered', 30_000, () => call(upstream));
  });
  after(async () => {
    await stopRoot();
    await machine?.remove();
    await caller?.remove();
    await app?.stop();
    await shell?.stop();
    await rig?.stop();
    await namespace?.remove();
  });

  it('are open under Permissive, and vm status and the bridge name who comes in without the mesh', async () => {
    expect(await plain(3)).to.deep.equal({ answered: 3 });
    const held = connect({ host: namespace.address, port: APP });
    await once(held, 'connect');
    const told = await eventually('the caller is seen', 10_000, async () => {
      const { door } = await instance();
      return door?.callers.includes(namespace.outside) && door;
    });
    held.destroy();
    expect(told).to.include({ closed: false, mode: 'Permissive' });
    expect(told.note).to.equal(
      `it listens on [::]:${APP}, so everybody who reaches this machine calls it past spec.access; connected now without the mesh: ${namespace.outside}`,
    );
    expect(await namespace.foreignRules()).to.equal(foreign);
    expect(await namespace.run('nft', 'list', 'tables')).to.equal('table inet theirs\n');
  });

  it('stay open under Strict while nobody may set rules; vm status says so, and the instance goes on', async () => {
    says('Strict');
    const { door } = await eventually('it is told', 20_000, async () => {
      const now = await instance();
      return now.door?.problem?.startsWith('nobody on this machine') && now;
    });
    expect(door).to.include({ closed: false, mode: 'Strict' });
    await inCatalog(/^open: nobody on this machine sets the rules/);
    expect((await instance()).now.health).to.equal('passing');
    expect(await call(upstream)).to.equal('app');
  });

  it('close when root acts: no plain call of 100 gets through, older connections end, the sidecar goes on', async () => {
    const held = connect({ host: namespace.address, port: APP });
    await once(held, 'connect');
    held.on('error', () => {});
    const ended = new Promise((resolve) => held.once('close', resolve));
    const before = (await app.served()).filter((path) => path === '/plain').length;
    stopRoot = machine.startRoot();
    await enforced(true);
    await inCatalog(/^closed$/);
    await ended;
    expect(await plain()).to.deep.equal(REFUSED);
    expect(await plainCalls({ host: namespace.address6, port: APP }, 100)).to.deep.equal(REFUSED);
    expect((await app.served()).filter((path) => path === '/plain')).to.have.length(before);
    expect(await call(upstream)).to.equal('app');
    expect((await instance()).door?.note).to.equal(undefined);
    expect(await namespace.foreignRules()).to.equal(foreign);
  });

  it('let the machine itself call by any of its addresses', async () => {
    for (const address of ['127.0.0.1', namespace.address, '[::1]', `[${namespace.address6}]`])
      expect(await namespace.run('curl', '-s', '-m', '3', `http://${address}:${APP}/own`)).to.equal('app');
  });

  it('never close port 22, and say so', async () => {
    expect(await plainCalls({ host: namespace.address, port: SHELL }, 3)).to.deep.equal({ answered: 3 });
    const { door } = await instance('shell');
    expect(door).to.include({ closed: false, mode: 'Strict' });
    expect(door?.note).to.match(/^port 22 is not closed: port 22 is never closed, because people log in/);
  });

  it('close what is handed on to a container, as a published port is', async () => {
    const container = await makeContainer(namespace);
    const inside = await startOpenApp(container, 80);
    // As Docker does for those who call by loopback.
    const proxy = await startOpenApp(namespace, PUBLISHED);
    try {
      await namespace.run(
        'nft',
        `table ip docker { chain pre { type nat hook prerouting priority -100; fib daddr type local tcp dport ${PUBLISHED} dnat to ${container.address}:80; }; }`,
      );
      expect(await plainCalls({ host: namespace.address, port: PUBLISHED }, 1)).to.deep.equal({ answered: 1 });
      expect(await inside.served()).to.deep.equal(['/plain']);
      await join('published', PUBLISHED);
      await eventually('it is closed', 15_000, async () => (await instance('published'))?.door?.closed);
      expect(await plainCalls({ host: namespace.address, port: PUBLISHED }, 100)).to.deep.equal(REFUSED);
      expect(await inside.served()).to.deep.equal(['/plain']);
      const left = await machine.landbridge('vm', 'leave', 'published', '--wait', '0s');
      expect(left, left.stderr).to.include({ code: 0 });
      expect(await plainCall({ host: namespace.address, port: PUBLISHED })).to.equal('answered');
    } finally {
      await proxy.stop();
      await inside.stop();
      await container.remove();
      await namespace.run('nft', 'delete table ip docker');
    }
    expect(await plain(3)).to.deep.equal({ ECONNREFUSED: 3 });
  });

  it('stay closed when the agent is killed, and after a boot before it runs', async () => {
    await machine.endAgent('SIGKILL');
    expect(await plain()).to.deep.equal(REFUSED);
    await stopRoot();
    // A boot: all rules are gone, and the unit of the boot puts ours back.
    await namespace.run('nft', 'flush', 'ruleset');
    expect(await plain(1)).to.deep.equal({ answered: 1 });
    await namespace.run('nft', '-f', joinPath(machine.folder, 'doors/table.nft'));
    expect(await plain()).to.deep.equal(REFUSED);
    stopRoot = machine.startRoot();
    machine.startAgent();
    await eventually('the mesh call is answered', 30_000, () => call(upstream));
    expect(await plain(3)).to.deep.equal({ ECONNREFUSED: 3 });
  });

  it('are closed again within seconds when somebody flushes all rules; vm status and the bridge say so meanwhile', async () => {
    await enforced(true);
    await stopRoot();
    await namespace.run('nft', 'flush', 'ruleset');
    await enforced(false);
    expect((await instance()).door?.problem).to.match(/^somebody has taken the rules away/);
    const row = await eventually('the bridge knows', 10_000, async () => {
      const { instances } = await rig.instances();
      return instances.find(({ service, door }) => service === 'target' && door);
    });
    expect(row.door).to.match(/^port 8080 is not closed: somebody has taken the rules away/);
    await inCatalog(/^open: somebody has taken the rules away/);
    stopRoot = machine.startRoot();
    await enforced(true);
    expect(await plain()).to.deep.equal(REFUSED);
  });

  it('open for a port of plaintextPorts, and close again when it is taken out', async () => {
    says('Strict', APP);
    await enforced(false);
    expect(await plain(3)).to.deep.equal({ answered: 3 });
    const { door } = await instance();
    expect([door?.mode, door?.note]).to.deep.equal(['Strict', undefined]);
    says('Strict');
    await enforced(true);
    expect(await plain()).to.deep.equal(REFUSED);
  });

  it('stay as they are when a bridge of an earlier version says nothing of them, and when services.d has a slip', async () => {
    const file = joinPath(machine.definitions, 'target.yaml');
    const { doors: _doors, ...earlier } = rig.facts.get('target')!;
    rig.facts.set('target', earlier);
    await eventually('it is told nothing', 10_000, async () => (await instance()).door?.mode === undefined);
    await writeFile(file, 'service: target\ninstances: [');
    await machine.landbridge('vm', 'doors');
    expect(await plain(3)).to.deep.equal({ ECONNREFUSED: 3 });
    await writeFile(file, `service: target\ninstances: [{ port: ${APP} }]\n`);
    says('Strict');
    await enforced(true);
  });

  it('open with vm leave, which takes the table away and no other', async () => {
    await namespace.run('nft', 'table inet theirs { chain in { type filter hook input priority 0; policy accept; }; }');
    const before = await namespace.foreignRules();
    const left = await machine.landbridge('vm', 'leave', '--all', '--wait', '0s');
    expect(left, left.stderr).to.include({ code: 0 });
    expect(await plain(3)).to.deep.equal({ answered: 3 });
    expect(await namespace.run('nft', 'list', 'tables')).to.equal('table inet theirs\n');
    expect(await namespace.foreignRules()).to.equal(before);
  });
});
