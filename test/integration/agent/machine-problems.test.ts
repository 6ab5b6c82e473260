import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect } from 'chai';

import { machinesVerdict } from '../../../cli/check/machines.ts';
import { listText } from '../../../cli/commands/vm-list.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type App, startApp } from './agent-app.ts';
import { type Machine, eventually, makeMachine } from './agent-machine.ts';
import { type Rig, startRig } from './agent-rig.ts';

const run = promisify(execFile);
const LEASE_MS = 3000;

/** A machine whose instances are well: a real agent, a real bridge, a real firewall and a real disk of 64 KiB. */
describe('a machine on which something is wrong that no check shows', function () {
  this.timeout(120_000);
  let rig: Rig;
  let machine: Machine;
  let app: App;
  let dnsPort: number;

  before(async function () {
    this.timeout(600_000);
    machine = await makeMachine();
    await mkdir(machine.stateDir);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', machine.stateDir]);
    const [port = 0, dns = 0] = await freePorts(2);
    dnsPort = dns;
    app = await startApp(port, 'a');
    rig = await startRig({ leaseMs: LEASE_MS });
    rig.admit('add-svc');
    const flags = ['--port', String(port), '--host-name', 'vm-ill', '--no-systemd'];
    const joined = await machine.landbridge('vm', 'join', await rig.invite('add-svc'), ...flags);
    expect(joined, joined.stderr).to.include({ code: 0 });
  });
  after(async () => {
    await run('nft', ['delete', 'table', 'inet', 'told']).catch(() => {});
    await machine?.endAgent('SIGKILL');
    await run('umount', [machine.stateDir]).catch(() => {});
    await machine?.remove();
    await app?.stop();
    await rig?.stop();
  });

  /** Both sides say it: `vm status` on the machine, `vm list` and `check` in the cluster. */
  const told = (words: RegExp): Promise<unknown> =>
    eventually(`both sides say ${words}`, 30_000, async () => {
      const status = await machine.landbridge('vm', 'status');
      expect(status.stdout, status.stderr).to.match(words);
      const answer = await rig.instances();
      expect(answer.instances[0]?.health).to.equal('passing');
      expect(listText(answer)).to.match(words);
      expect(machinesVerdict(answer, LEASE_MS)).to.have.property('result', 'warning');
      expect(machinesVerdict(answer, LEASE_MS).detail).to.match(words);
      return true;
    });
  const over = (words: RegExp): Promise<unknown> =>
    eventually(`no side says ${words}`, 30_000, async () => {
      expect((await machine.landbridge('vm', 'status')).stdout).not.to.match(words);
      expect(listText(await rig.instances())).not.to.match(words);
      return true;
    });

  it('names its DNS port when another process has it, and no longer when that process is gone', async () => {
    const other = createSocket('udp4');
    other.bind(dnsPort, '127.0.0.1');
    await once(other, 'listening');
    machine.startAgent({ LANDBRIDGE_DNS: `127.0.0.1:${dnsPort}` });
    await told(/something else listens on 127\.0\.0\.1:\d+/);
    other.close();
    await over(/something else listens/);
  });

  it('names its DNS port when a firewall drops what comes to it, and no longer when it is let through', async () => {
    const rule = `type filter hook input priority 0; udp dport ${dnsPort} drop;`;
    const drop = `table inet told {\n  chain input { ${rule} }\n}\n`;
    await run('nft', [drop]);
    await told(/queries to 127\.0\.0\.1:\d+ are not answered, although the agent listens: let UDP port \d+ through/);
    await run('nft', ['delete', 'table', 'inet', 'told']);
    await over(/not answered/);
  });

  const fill = (): Promise<unknown> =>
    writeFile(join(machine.stateDir, 'filler'), Buffer.alloc(64 * 1024)).catch((error: NodeJS.ErrnoException) =>
      expect(error.code).to.equal('ENOSPC'),
    );

  it('names a disk that gets full while the agent runs, and writes what waited as soon as there is room', async () => {
    await fill();
    const [localPort = 0] = await freePorts(1);
    rig.admit('add-svc', [{ service: 'ledger', localPort }]);
    await told(/state cannot be written \(ENOSPC\): .*waiting: known\.json/);
    const [instance] = (await machine.status()).instances;
    expect(instance?.upstreams, 'it is in force all the same').to.have.length(1);
    const known = (): Promise<string> => readFile(join(machine.stateDir, 'known.json'), 'utf8');
    expect(await known()).not.to.contain('ledger');
    await rm(join(machine.stateDir, 'filler'));
    await eventually('the plan is on disk', 10_000, async () => (await known()).includes('ledger'));
    await over(/cannot be written/);
  });

  it('goes on with a renewed certificate that it cannot write, and writes it as soon as there is room', async () => {
    await machine.endAgent('SIGTERM');
    const file = join(machine.stateDir, 'host.crt');
    const ended = await rig.certificate(
      'vm-ill',
      await readFile(join(machine.stateDir, 'host.key'), 'utf8'),
      90_000_000,
    );
    await writeFile(file, ended);
    await fill();
    machine.startAgent({ LANDBRIDGE_DNS: `127.0.0.1:${dnsPort}` });
    await told(/state cannot be written \(ENOSPC\): .*waiting: .*host\.crt/);
    expect(await readFile(file, 'utf8')).to.equal(ended);
    await rm(join(machine.stateDir, 'filler'));
    await eventually('it is on disk', 10_000, async () => (await readFile(file, 'utf8')) !== ended);
    await over(/cannot be written/);
  });
});
