import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { stateDirectory } from '../paths.ts';
import type { ProcessId } from '../host/process-id.ts';
import { netnsPath, type Vm, type VmSpec } from './vm.ts';

/** The facts about a VM that are kept from its first start to its removal. */
export interface VmRecord extends VmSpec {
  /** Its systemd and the nspawn process that holds it; undefined while its power is cut. */
  running?: { leader: ProcessId; supervisor: ProcessId };
}

/** Below /run: after a reboot of the host no VM is there, and none is remembered. */
export const recordFolder = join(stateDirectory, 'vms');

export async function writeRecord(record: VmRecord): Promise<void> {
  await mkdir(recordFolder, { recursive: true });
  const path = recordPath(record.name);
  await writeFile(`${path}.new`, JSON.stringify(record, undefined, 2));
  await rename(`${path}.new`, path);
}

export async function findRecord(name: string): Promise<VmRecord | undefined> {
  try {
    return JSON.parse(await readFile(recordPath(name), 'utf8')) as VmRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** As `findRecord`; throws without a record. */
export async function readRecord(name: string): Promise<VmRecord> {
  const record = await findRecord(name);
  if (record === undefined) throw new Error(`${name}: there is no such VM; \`npm start\` brings them up`);
  return record;
}

export async function namesInRecords(): Promise<string[]> {
  const files = await readdir(recordFolder).catch(() => []);
  return files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length));
}

export async function removeRecord(name: string): Promise<void> {
  for (const path of [recordPath(name), `${recordPath(name)}.new`]) await rm(path, { force: true });
}

/** The VM as its callers see it. Throws while its power is cut. */
export function vmOf({ name, address, running }: VmRecord): Vm {
  if (running === undefined) throw new Error(`${name} is powered off`);
  return { name, address, pid: running.leader.pid, netns: netnsPath(name) };
}

function recordPath(name: string): string {
  return join(recordFolder, `${name}.json`);
}
