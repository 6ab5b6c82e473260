import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { installTools, labTools } from '../../../lab/host/debian-packages.ts';
import { attempt, run } from '../../../lab/host/exec.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { cgroupsLeft } from '../../../lab/vm/cgroup.ts';
import { vmCopy, vmExec } from '../../../lab/vm/exec.ts';
import { namesInNetns } from '../../../lab/vm/link.ts';
import { setPodRoutes } from '../../../lab/vm/pod-routes.ts';
import { bootVm, cutNetwork, cutPower, restoreNetwork } from '../../../lab/vm/power.ts';
import { ensureVmParts } from '../../../lab/vm/parts.ts';
import { findRecord } from '../../../lab/vm/record.ts';
import { startVm } from '../../../lab/vm/start.ts';
import { stopVm, vmsLeft } from '../../../lab/vm/stop.ts';
import { until } from '../../../lab/vm/until.ts';
import type { Vm, VmSpec } from '../../../lab/vm/vm.ts';

/** A VM beside those of a lab that may be up, on a bridge of its own. */
const name = 'vm9';
const bed = 'landbridge-test-vm';
const address = '10.78.0.109';
const gateway = '10.78.0.1';
const traces = async (): Promise<string[]> => (await vmsLeft()).filter((line) => line.includes(name));
/** The command lines of every process of this host, VMs included. */
const commandLines = async (): Promise<string[]> => {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.map((line) => line.split('\0').join(' ').trim());
};
const inside = async (line: string): Promise<string> =>
  (await vmExec({ name }, ['sh', '-c', line], { timeoutMs: 15_000 })).stdout.trim();
const answers = async (): Promise<boolean> =>
  (await attempt('timeout', ['1', 'bash', '-c', `</dev/tcp/${address}/80`], { netns: `/run/netns/${bed}` })).code === 0;

describe('a VM of the lab', function () {
  this.timeout(180_000);
  let spec: VmSpec;
  let vm: Vm;
  let scratch: string;

  before(async () => {
    await installTools(labTools, silent);
    scratch = await mkdtemp(join(tmpdir(), 'landbridge-test-'));
    await writeFile(join(scratch, 'landbridge.mjs'), 'console.log("landbridge", ...process.argv.slice(2))');
    await attempt('ip', ['netns', 'delete', bed]);
    await run('ip', ['netns', 'add', bed]);
    await run('ip', ['-n', bed, '-batch', '-'], {
      input: `link add br0 type bridge\naddress add ${gateway}/24 dev br0\nlink set br0 up\nlink set lo up`,
    });
    const network = { bridge: 'br0', netns: `/run/netns/${bed}`, gateway, prefixLength: 24 };
    spec = { name, address, network, parts: await ensureVmParts(join(scratch, 'landbridge.mjs'), silent) };
    vm = await startVm(spec);
  });

  after(async () => {
    await stopVm(name);
    await attempt('ip', ['netns', 'delete', bed]);
    await rm(scratch, { recursive: true });
  });

  it('is a booted Debian whose first process is systemd, with every unit well', async () => {
    expect(await inside('cat /proc/1/comm; systemctl is-system-running; hostname')).to.equal(
      `systemd\nrunning\n${name}`,
    );
  });

  it('has landbridge, Node and Envoy installed', async () => {
    expect(await inside('landbridge join "two words"')).to.equal('landbridge join two words');
    expect(await inside('node --version')).to.match(/^v24\./);
    expect(await inside('envoy --version')).to.match(/\/1\.\d+\.\d+\//);
  });

  it('stands on the network with an address of its own, and reaches others by its gateway', async () => {
    await inside('systemctl enable --now nginx');
    expect(await answers()).to.equal(true);
    await setPodRoutes([vm], [{ address: '10.78.0.11', podCidr: '10.244.1.0/24' }]);
    expect(await inside('ip route'))
      .to.include(`default via ${gateway}`)
      .and.include('10.244.1.0/24 via 10.78.0.11');
  });

  it('lets its root refuse connections from outside by nftables, and only there', async () => {
    await inside('systemctl start nginx');
    const port = 'tcp dport 80 iif != lo reject with tcp reset';
    await inside(
      `nft 'add table inet t; add chain inet t in { type filter hook input priority 0; }; add rule inet t in ${port}'`,
    );
    expect(await answers()).to.equal(false);
    expect(await inside('curl --silent --output /dev/null --write-out %{http_code} http://127.0.0.1')).to.equal('200');
    await inside('nft delete table inet t');
    expect(await answers()).to.equal(true);
  });

  it('lets units shut themselves in as tightly as on any machine', async () => {
    const properties = '-p DynamicUser=yes -p ProtectSystem=strict -p StateDirectory=shut-in -p NoNewPrivileges=yes';
    const said = await inside(`systemd-run -q --wait --pipe ${properties} sh -c 'id -u; touch /etc/x || echo refused'`);
    const [uid, refused] = said.split('\n');
    expect(Number(uid)).to.be.within(61184, 65519);
    expect(refused).to.equal('refused');
  });

  it('gives the exit code and the words of a command that fails, and ends one that takes too long', async () => {
    const failure = await vmExec(vm, ['sh', '-c', 'echo no luck >&2; exit 3']).catch((error: Error) => error.message);
    expect(failure).to.match(/exit code 3\nno luck/);
    const late = await vmExec(vm, ['sleep', '4711'], { timeoutMs: 200 }).catch((error: Error) => error.message);
    expect(late).to.include('exit code 124');
    expect(await inside('pgrep -f "^sleep 4711" || echo none')).to.equal('none');
  });

  it('takes files and input from outside', async () => {
    await writeFile(join(scratch, 'a file'), 'hello');
    await vmCopy(vm, [join(scratch, 'a file')], '/opt/new/folder');
    expect(await inside('stat -c %U "/opt/new/folder/a file"; cat "/opt/new/folder/a file"')).to.equal('root\nhello');
    expect((await vmExec(vm, ['rev'], { input: 'drawer' })).stdout.trim()).to.equal('reward');
  });

  it('is out of reach while its cable is pulled, and as before when it is plugged in', async () => {
    const routes = await inside('ip route');
    await cutNetwork(vm);
    expect(await answers()).to.equal(false);
    expect(await inside('cat /sys/class/net/eth0/carrier')).to.equal('0');
    await restoreNetwork(vm);
    await until('the VM answers again', 10_000, async () => ((await answers()) ? true : undefined));
    expect(await inside('ip route')).to.equal(routes);
  });

  it('loses every process and nothing on its disk when its power is cut, and comes back with its services', async () => {
    await inside(
      'echo kept > /root/kept; mkdir -p /run/x; echo lost > /run/x/lost; nohup sleep 4712 >/dev/null 2>&1 &',
    );
    const routes = await inside('ip route');
    // Seen from the host, or that it is gone would say nothing.
    expect(await commandLines()).to.include('sleep 4712');
    await cutPower(vm);
    expect(await commandLines()).not.to.include('sleep 4712');
    expect(await inside('true').catch((error: Error) => error.message)).to.equal(`${name} is powered off`);
    const again = await bootVm(vm);
    expect(again.pid).not.to.equal(vm.pid);
    expect(await inside('cat /root/kept; ls /run/x 2>/dev/null; systemctl is-system-running')).to.equal(
      'kept\nrunning',
    );
    expect(await inside('ip route')).to.equal(routes);
    expect(await answers()).to.equal(true);
  });

  it('says which unit failed when it boots badly, and leaves nothing running', async () => {
    const unit = '[Service]\nType=oneshot\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n';
    await vmExec({ name }, ['tee', '/etc/systemd/system/bad.service'], { input: unit });
    await inside('systemctl enable bad.service');
    await cutPower({ name });
    const failure = await bootVm({ name }).catch((error: Error) => error.message);
    expect(failure).to.match(/vm9: booted, but it is degraded:\nbad\.service/);
    expect(await inside('true').catch((error: Error) => error.message)).to.equal(`${name} is powered off`);
  });

  it('leaves no trace when it is removed, and removing it twice is fine', async () => {
    await stopVm(name);
    await stopVm(name);
    expect(await traces()).to.deep.equal([]);
    expect((await attempt('ip', ['link', 'show', `lb-${name}-br`], { netns: `/run/netns/${bed}` })).code).not.to.equal(
      0,
    );
  });

  const moments: Record<string, () => Promise<boolean>> = {
    'it was written down': async () => (await findRecord(name)) !== undefined,
    'its network was there': async () => (await namesInNetns()).includes(name),
    'its first process was there': async () => (await cgroupsLeft()).some((path) => path.endsWith(`/${name}`)),
    'its systemd ran': async () => (await findRecord(name))?.running !== undefined,
  };
  for (const [moment, reached] of Object.entries(moments))
    it(`leaves no trace when whoever started it was killed once ${moment}, and it is removed`, async () => {
      await stopVm(name);
      const start = new URL('../../../lab/vm/start.ts', import.meta.url).href;
      const program = `import { startVm } from '${start}'; await startVm(${JSON.stringify(spec)});`;
      const child = spawn('node', ['--import', 'tsx', '--input-type=module', '-e', program], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const ended = once(child, 'exit');
      await until(moment, 20_000, async () => ((await reached()) ? true : undefined));
      child.kill('SIGKILL');
      await ended;
      await stopVm(name);
      expect(await traces()).to.deep.equal([]);
    });
});
