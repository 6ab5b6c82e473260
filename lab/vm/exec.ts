import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, dirname } from 'node:path';

import { run, type RunOptions } from '../host/exec.ts';
import { isAlive } from '../host/process-id.ts';
import { readRecord } from './record.ts';
import type { Vm } from './vm.ts';

/** The environment of a root login, without the host's variables. */
const environment = [
  'HOME=/root',
  'LANG=C.UTF-8',
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'USER=root',
];

/** The command line that runs `command` inside the machine whose first process is `leader`. */
export function enter(leader: number, command: readonly string[]): [string, string[]] {
  const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid'];
  return ['nsenter', [`--target=${leader}`, ...namespaces, '--', 'env', '-i', ...environment, ...command]];
}

/**
 * Runs `command` as root inside the VM, also after it was booted again since `vm` was made. `timeoutMs` (default: no
 * limit) ends the command in the VM too. Throws CommandFailed unless it exits with 0, and when the VM is powered off.
 */
export async function vmExec(
  vm: Pick<Vm, 'name'>,
  command: readonly string[],
  { input, timeoutMs }: Pick<RunOptions, 'input' | 'timeoutMs'> = {},
): Promise<{ stdout: string; stderr: string }> {
  // nsenter passes no signal on, so the limit is kept inside; the one outside is for a VM that does not answer.
  const limited = timeoutMs === undefined ? command : ['timeout', '--kill-after=2', `${timeoutMs / 1000}`, ...command];
  const [file, args] = enter(await leaderOf(vm.name), limited);
  const { stdout, stderr } = await run(file, args, {
    input,
    timeoutMs: timeoutMs === undefined ? undefined : timeoutMs + 5000,
  });
  return { stdout, stderr };
}

/** Copies files and folders of the host into folder `into` of the VM, which is made when it is not there. */
export async function vmCopy(vm: Pick<Vm, 'name'>, paths: readonly string[], into: string): Promise<void> {
  await vmExec(vm, ['mkdir', '-p', into]);
  const [file, args] = enter(await leaderOf(vm.name), ['tar', '-x', '--no-same-owner', '-C', into]);
  const sources = paths.flatMap((path) => ['-C', dirname(path), basename(path)]);
  // Not through /proc/PID/root: an absolute symbolic link in the VM would lead to the host's file there.
  const script = 'count=$1; shift; tar -c "${@:1:count}" | "${@:count+1}"';
  await run('bash', ['-euo', 'pipefail', '-c', script, 'bash', `${sources.length}`, ...sources, file, ...args]);
}

/** Runs `command` (default: a shell) in the VM at this terminal, and gives its exit code. Throws when the VM is powered off. */
export async function vmTerminal(name: string, command: readonly string[]): Promise<number> {
  const [file, args] = enter(await leaderOf(name), command.length === 0 ? ['bash', '-l'] : command);
  const child = spawn(file, args, { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function leaderOf(name: string): Promise<number> {
  const { running } = await readRecord(name);
  if (running === undefined || !isAlive(running.leader)) throw new Error(`${name} is powered off`);
  return running.leader.pid;
}
