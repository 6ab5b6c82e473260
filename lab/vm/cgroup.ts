import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { cgroup } from '../engine/private-engine.ts';
import { killAtOnce } from './process.ts';
import { until } from './until.ts';

/** A VM's own group in one of the kernel's cgroup hierarchies. */
export interface VmCgroup {
  path: string;
  /** A version 1 cpuset takes no process until its cpus and memory nodes are set. */
  cpuset: boolean;
}

/** Beside the groups of the private engine's containers. */
const parent = `${cgroup}/vms`;

/**
 * The groups of VM `name` in every hierarchy that is mounted (`mounts`: the text of /proc/self/mounts): one on a host
 * with cgroup version 2, one a controller and systemd's own on version 1. They are a VM's birthmark: every process it
 * ever has is in them, so a VM can be found and removed even when whoever started it died before writing anything down.
 */
export function vmCgroups(name: string, mounts: string): VmCgroup[] {
  return hierarchies(mounts).map(({ path, cpuset }) => ({ path: join(path, parent, name), cpuset }));
}

export async function makeCgroups(name: string): Promise<VmCgroup[]> {
  const groups = vmCgroups(name, await mountTable());
  for (const { path, cpuset } of groups) {
    await mkdir(path, { recursive: true });
    if (cpuset) for (const folder of [join(path, '../..'), join(path, '..'), path]) await inheritCpuset(folder);
  }
  return groups;
}

/** The names of the VMs that have groups. */
export async function namesInCgroups(): Promise<string[]> {
  const found = await Promise.all(hierarchies(await mountTable()).map(({ path }) => folders(join(path, parent))));
  return [...new Set(found.flat())];
}

/** Kills everything in the groups of VM `name` and removes them; a process that is about to enter one finds it gone, and ends. */
export async function removeCgroups(name: string): Promise<void> {
  const groups = vmCgroups(name, await mountTable());
  await until(`${name}: its processes end`, 20_000, async () => {
    const pids = (await Promise.all(groups.map(({ path }) => processesIn(path)))).flat();
    pids.forEach(killAtOnce);
    if (pids.length > 0) return undefined;
    const gone = await Promise.all(groups.map(({ path }) => removeTree(path)));
    return gone.includes(false) ? undefined : true;
  });
}

/** Removes what the groups of all VMs are in. Only when no VM is being started: its own may be about to be made there. */
export async function removeParentCgroups(): Promise<void> {
  for (const path of await parents()) await removeTree(path);
}

/** The groups of VMs that are there; a folder for them without a VM in it counts too. */
export async function cgroupsLeft(): Promise<string[]> {
  const found = (await parents()).map(async (path) => {
    const names = await folders(path);
    return names.length === 0 ? [path] : names.map((name) => join(path, name));
  });
  return (await Promise.all(found)).flat();
}

async function parents(): Promise<string[]> {
  const paths = hierarchies(await mountTable()).map(({ path }) => join(path, parent));
  return paths.filter((path) => existsSync(path));
}

function hierarchies(mounts: string): { path: string; cpuset: boolean }[] {
  return mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, path, type]) => (type === 'cgroup' || type === 'cgroup2') && path?.startsWith('/sys/fs/cgroup'))
    .map(([, path, type, options]) => ({
      path: path ?? '',
      cpuset: type === 'cgroup' && (options ?? '').split(',').includes('cpuset'),
    }));
}

async function inheritCpuset(folder: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    await writeFile(join(folder, file), await readFile(join(folder, '..', file)));
  }
}

async function processesIn(folder: string): Promise<number[]> {
  const own = (await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const below = await Promise.all((await folders(folder)).map((child) => processesIn(join(folder, child))));
  return [...own.map(Number), ...below.flat()];
}

/** Says whether it is gone: a group that has a process again stays. */
async function removeTree(folder: string): Promise<boolean> {
  for (const child of await folders(folder)) if (!(await removeTree(join(folder, child)))) return false;
  return rmdir(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return true;
      if (error.code === 'EBUSY') return false;
      throw error;
    },
  );
}

async function folders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function mountTable(): Promise<string> {
  return readFile('/proc/self/mounts', 'utf8');
}
