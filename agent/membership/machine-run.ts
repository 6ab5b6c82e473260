import { createHash, randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { atomicWrite } from '../machine/atomic-write.ts';
import { readOwn } from '../machine/read-own.ts';

const FILE = 'run-id';
/** Another after each boot, see random(4). */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/**
 * Names this machine from one boot to the next, over restarts of the agent: a copy of the machine, with all its state, goes
 * by another name. Where the runtime folder outlives a boot, or many share a kernel, one of the two halves still differs.
 */
export async function machineRun(runtimeDir: string): Promise<string> {
  const path = join(runtimeDir, FILE);
  const boot = await readFile(BOOT_ID, 'utf8').catch(() => '');
  let run = await readOwn(path).catch(() => '');
  if (run === '') {
    run = randomUUID();
    const { uid, gid } = await stat(runtimeDir);
    await atomicWrite(path, run, { mode: 0o640, owner: { uid, gid } });
  }
  return createHash('sha256').update(`${boot}\n${run}`).digest('hex').slice(0, 12);
}
