import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { deleteCluster } from './cluster.ts';
import { currentEngine, hostEngineAnswers, stopEngine } from './engine.ts';
import { endProcess } from './end-process.ts';
import { attempt, run } from './exec.ts';
import {
  labCgroups,
  labInterfaces,
  labMounts,
  labNamespaces,
  leftovers,
  mountRoots,
  type Leftover,
} from './leftovers.ts';
import { dockerNetwork } from './network.ts';
import { diskDirectory, kubeconfigFile, stateDirectory } from './paths.ts';
import { privateEngine } from './private-engine.ts';
import { markedProcesses, rememberedProcesses } from './state.ts';

/**
 * Takes everything of a lab away, in whatever state a stop, a crash or a power cut left it; safe to call again. Gives
 * what is still there after it: nothing, or a reason to look.
 */
export async function cleanUp(): Promise<Leftover[]> {
  await endStrays();
  if (privateEngine.isRunning() || (await hostEngineAnswers())) await emptyEngine();
  await stopEngine();
  for (const { id } of [...rememberedProcesses(), ...markedProcesses()]) await endProcess(id);
  await removeInterfaces();
  for (const namespace of labNamespaces()) await run('ip', ['netns', 'delete', namespace]);
  for (const point of labMounts(readFileSync('/proc/self/mountinfo', 'utf8'), mountRoots()))
    await run('umount', [point]);
  await leaveNetnsFolder();
  for (const folder of labCgroups()) await removeCgroup(folder);
  for (const path of [stateDirectory, diskDirectory, kubeconfigFile]) rmSync(path, { recursive: true, force: true });
  return leftovers();
}

/**
 * What a killed start was in the middle of. Ended before everything else, or it would go on making what is taken
 * away here. What the lab remembers (the engine, the VMs) has an orderly end of its own.
 */
async function endStrays(): Promise<void> {
  const remembered = new Set(rememberedProcesses().map(({ id }) => id.pid));
  const strays = markedProcesses().filter(({ id }) => !remembered.has(id.pid) && !isOfEngine(id.pid, remembered));
  await Promise.all(strays.map(({ id }) => endProcess(id, 2000)));
}

function isOfEngine(pid: number, remembered: ReadonlySet<number>): boolean {
  for (let next = pid; next > 1; next = parentOf(next)) if (remembered.has(next)) return true;
  return false;
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

async function emptyEngine(): Promise<void> {
  const engine = await currentEngine();
  await deleteCluster(engine);
  const network = ['network', 'ls', '--quiet', '--filter', `name=^${dockerNetwork}$`];
  if ((await engine.docker(network)) !== '') await engine.docker(['network', 'rm', dockerNetwork]);
}

async function removeInterfaces(): Promise<void> {
  for (;;) {
    const links = await attempt('ip', ['-json', 'link', 'show']);
    const [first] = labInterfaces(links.stdout);
    if (first === undefined) return;
    // One by one: with one end of a pair the other goes too.
    await run('ip', ['link', 'delete', first]);
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
