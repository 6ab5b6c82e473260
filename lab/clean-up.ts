import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { restoreKernelSettings } from './engine/kernel-settings.ts';
import { deleteCluster } from './cluster/cluster.ts';
import { currentEngine, hostEngineAnswers, stopEngine } from './engine/engine.ts';
import { endProcess } from './host/end-process.ts';
import { attempt, run } from './host/exec.ts';
import { labCgroups, labInterfaces, labMounts, labNamespaces, leftovers, mountRoots } from './leftovers.ts';
import { dockerNetwork } from './network/network.ts';
import { diskDirectory, kubeconfigFile, stateDirectory } from './paths.ts';
import { privateEngine } from './engine/private-engine.ts';
import { ancestry, markedProcesses, rememberedProcesses } from './host/state.ts';
import { stopAllVms } from './vm/stop.ts';

/** A piece of the lab, and how to take it away. Safe to call when there is nothing. */
const pieces: readonly [string, () => Promise<void>][] = [
  ['what a killed start was doing', endStrays],
  ['VMs', stopAllVms],
  ['cluster', emptyEngine],
  ['engine', stopEngine],
  ['processes', endAll],
  ['interfaces', removeInterfaces],
  ['namespaces', removeNamespaces],
  ['mounts', unmount],
  ['cgroups', removeCgroups],
  ['kernel settings', async () => restoreKernelSettings()],
  ['files', removeFiles],
];

/**
 * Takes everything of a lab away, in whatever state a stop, a crash or a power cut left it; safe to call again. A piece
 * that resists does not keep the others. Throws when something is still there after it, naming each thing.
 */
export async function cleanUp(): Promise<void> {
  const problems: string[] = [];
  for (const [name, remove] of pieces)
    await remove().catch((error: Error) => problems.push(`${name}: ${error.message}`));
  const left = await leftovers();
  if (left.length === 0) return;
  const lines = [...left.map(({ kind, name }) => `${kind} ${name}`), ...problems];
  throw new Error(`left on this machine:\n${lines.map((line) => `  - ${line}`).join('\n')}`);
}

/**
 * Ended before everything else, or it would go on making what is taken away here. What the lab remembers (the engine,
 * the VMs), and what that started, has an orderly end of its own.
 */
async function endStrays(): Promise<void> {
  const remembered = new Set(rememberedProcesses().map(({ id }) => id.pid));
  const strays = markedProcesses().filter(({ id }) => ![...ancestry(id.pid)].some((pid) => remembered.has(pid)));
  await Promise.all(strays.map(({ id }) => endProcess(id, 2000)));
}

async function endAll(): Promise<void> {
  const all = [...rememberedProcesses(), ...markedProcesses()];
  await Promise.all(all.map(({ id }) => endProcess(id)));
}

async function removeNamespaces(): Promise<void> {
  for (const namespace of labNamespaces()) await run('ip', ['netns', 'delete', namespace]);
}

async function unmount(): Promise<void> {
  for (const point of labMounts(readFileSync('/proc/self/mountinfo', 'utf8'), mountRoots()))
    await run('umount', [point]);
  await leaveNetnsFolder();
}

async function removeCgroups(): Promise<void> {
  for (const folder of labCgroups()) await removeCgroup(folder);
}

async function removeFiles(): Promise<void> {
  for (const path of [stateDirectory, diskDirectory, kubeconfigFile]) rmSync(path, { recursive: true, force: true });
}

/** Before the engine stops, so that the next one does not know of them. */
async function emptyEngine(): Promise<void> {
  if (!privateEngine.isRunning() && !(await hostEngineAnswers())) return;
  const engine = await currentEngine();
  await deleteCluster(engine);
  const network = ['network', 'ls', '--quiet', '--filter', `name=^${dockerNetwork}$`];
  if ((await engine.docker(network)) !== '') await engine.docker(['network', 'rm', dockerNetwork]);
}

/**
 * One by one: with one end of a pair the other goes too. And by trying: the kernel takes a stopped engine's interfaces
 * away in its own time, so that one may be listed and gone a moment later.
 */
async function removeInterfaces(): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const links = await attempt('ip', ['-json', 'link', 'show']);
    const [first] = labInterfaces(links.stdout);
    if (first === undefined) return;
    const { code, stderr } = await attempt('ip', ['link', 'delete', first]);
    if (code !== 0 && Date.now() > deadline) throw new Error(`${first} cannot be removed: ${stderr.trim()}`);
    if (code !== 0) await sleep(50);
  }
}

/** `ip netns` makes its folder a mount of its own. When it is empty nobody needs it, and it is made again when one does. */
async function leaveNetnsFolder(): Promise<void> {
  const folder = '/run/netns';
  if (!existsSync(folder) || readdirSync(folder).length > 0) return;
  while ((await attempt('umount', [folder])).code === 0);
  rmdirSync(folder);
}

/** Deepest first; a cgroup is busy for a moment after its last process ended. */
async function removeCgroup(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await removeCgroup(join(folder, entry.name));
  const deadline = Date.now() + 5000;
  for (;;) {
    try {
      return rmdirSync(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || Date.now() > deadline) throw error;
    }
    await sleep(20);
  }
}
