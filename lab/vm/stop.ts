import { readdir, readFile, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { diskDirectory, stateDirectory } from '../paths.ts';
import { forgetProcess } from '../host/state.ts';
import { cgroupsLeft, namesInCgroups, removeCgroups, removeParentCgroups } from './cgroup.ts';
import { removeDisk } from './disk.ts';
import { disconnect, namesInNetns } from './link.ts';
import { findRecord, namesInRecords, recordFolder, removeRecord } from './record.ts';
import { diskFolder, netnsName } from './vm.ts';

/** Removes every VM with its disk, however it was left: also when whoever started it was killed half way. */
export async function stopAllVms(): Promise<void> {
  const traces = [namesInRecords(), namesInCgroups(), namesInNetns(), namesOnDisk()];
  const names = new Set((await Promise.all(traces)).flat());
  await Promise.all([...names].map(stopVm));
  await removeParentCgroups();
  const folders = [recordFolder, dirname(diskFolder('any')), stateDirectory, diskDirectory];
  // Those that others have something in stay.
  for (const folder of folders) await rmdir(folder).catch(() => undefined);
}

/** Removes one VM. None of that name is fine. The record goes last: while it is there, something may be too. */
export async function stopVm(name: string): Promise<void> {
  const record = await findRecord(name);
  await removeCgroups(name);
  forgetProcess(name);
  await disconnect(name, record?.network);
  await removeDisk(name);
  await removeRecord(name);
}

/** The leftovers of VMs, one line each; empty without leftovers. */
export async function vmsLeft(): Promise<string[]> {
  const [records, cgroups, namespaces, disks, mounts] = await Promise.all([
    namesInRecords(),
    cgroupsLeft(),
    namesInNetns(),
    namesOnDisk(),
    readFile('/proc/self/mounts', 'utf8'),
  ]);
  return [
    ...records.map((name) => `record of ${name}`),
    ...cgroups.map((path) => `cgroup ${path}`),
    ...namespaces.map((name) => `network namespace ${netnsName(name)}`),
    ...disks.map((name) => `disk ${diskFolder(name)}`),
    ...mounts.split('\n').filter((line) => line.includes(`${dirname(diskFolder('any'))}/`)),
  ];
}

async function namesOnDisk(): Promise<string[]> {
  return readdir(dirname(diskFolder('any'))).catch(() => []);
}
