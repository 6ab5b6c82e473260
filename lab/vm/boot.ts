import { once } from 'node:events';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { attempt, launch, tail } from '../host/exec.ts';
import { makeCgroups, removeCgroups } from './cgroup.ts';
import { enter } from './exec.ts';
import { isAlive, processId, type ProcessId } from '../host/process-id.ts';
import { forgetProcess, rememberProcess } from '../host/state.ts';
import { namespaceInit } from './process.ts';
import { writeRecord, type VmRecord } from './record.ts';
import { until } from './until.ts';
import { diskFolder, netnsPath, type VmSpec } from './vm.ts';

const bootDeadlineMs = 60_000;

/**
 * Run by `sh` in a mount namespace of its own, so that every mount of a VM goes with its last process, however it ends:
 * the overlay, and what nspawn keeps of its machines. Then it enters the VM's cgroups and becomes nspawn.
 */
const becomeNspawn = `
lower=$1 disk=$2 groups=$3
shift 3
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$disk/upper,workdir=$disk/work" "$disk/root"
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn
for group in $groups; do echo $$ > "$group/cgroup.procs"; done
exec systemd-nspawn "$@"
`;

/** The arguments that boot a VM from its disk. */
export function nspawnArguments({ name, parts }: VmSpec): string[] {
  return [
    `--directory=${join(diskFolder(name), 'root')}`,
    `--machine=lb-${name}`,
    `--network-namespace-path=${netnsPath(name)}`,
    `--bind-ro=${parts.node}:/usr/local/bin/node`,
    `--bind-ro=${parts.envoy}:/usr/local/bin/envoy`,
    // As root of a machine has: rules of nftables, in the VM's own network namespace.
    '--capability=CAP_NET_ADMIN',
    '--boot',
    '--quiet',
    '--console=pipe',
    // The host need not run systemd: no machined, and the cgroup is the one it is started in.
    '--register=no',
    '--keep-unit',
    // Its network is its own, so its root may set rules of a firewall there, as on any machine.
    '--capability=CAP_NET_ADMIN',
    '--resolv-conf=off',
    '--timezone=off',
    '--link-journal=no',
  ];
}

/**
 * Powers a VM on; its disk and its network are there. Ends when systemd says `running`. Throws, naming the units, when
 * one failed; in every failure nothing is left running.
 */
export async function boot(spec: VmSpec): Promise<VmRecord> {
  const groups = (await makeCgroups(spec.name)).map(({ path }) => path).join(' ');
  const logFile = join(diskFolder(spec.name), 'console.log');
  const script = [becomeNspawn, 'sh', spec.parts.root, diskFolder(spec.name), groups, ...nspawnArguments(spec)];
  const child = launch('unshare', ['--mount', '--propagation', 'private', 'sh', '-euc', ...script], {
    logFile,
    // nspawn mounts /sys before it enters the VM's network, and /sys shows the network of who mounts it.
    netns: netnsPath(spec.name),
  });
  try {
    await once(child, 'spawn');
    const supervisor = processId(child.pid ?? 0);
    if (supervisor === undefined) throw new Error(`${spec.name} did not start`);
    rememberProcess(spec.name, supervisor.pid);
    const leader = await until(`${spec.name}: systemd starts`, bootDeadlineMs, async () => {
      if (!isAlive(supervisor)) throw new Error(`${spec.name} did not start`);
      const init = await namespaceInit(supervisor.pid);
      return init !== undefined && (await listens(init)) ? init : undefined;
    });
    const record = { ...spec, running: { leader, supervisor } };
    await writeRecord(record);
    await running(spec.name, leader.pid);
    return record;
  } catch (error) {
    await removeCgroups(spec.name);
    forgetProcess(spec.name);
    const console = tail((await readFile(logFile, 'utf8').catch(() => '')).trim(), 15);
    throw new Error(`${(error as Error).message}${console === '' ? '' : `\n${console}`}`, { cause: error });
  }
}

/** Whether this systemd can be asked already. */
async function listens(leader: ProcessId): Promise<boolean> {
  return access(`/proc/${leader.pid}/root/run/systemd/private`).then(
    () => true,
    () => false,
  );
}

async function running(name: string, leader: number): Promise<void> {
  const [command, args] = enter(leader, ['systemctl', 'is-system-running', '--wait']);
  const state = (await attempt(command, args, { timeoutMs: bootDeadlineMs })).stdout.trim();
  if (state === 'running') return;
  const [list, listArgs] = enter(leader, ['systemctl', '--failed', '--plain', '--no-legend']);
  const failed = (await attempt(list, listArgs, { timeoutMs: 5000 })).stdout.trim();
  throw new Error(`${name}: booted, but it is ${state || 'not answering'}${failed === '' ? '' : `:\n${failed}`}`);
}
