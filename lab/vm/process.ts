import { readdir, readFile } from 'node:fs/promises';

import { processId, type ProcessId } from '../host/process-id.ts';

/** The child of `parent` that is the first process of a pid namespace of its own, once there is one. */
export async function namespaceInit(parent: number): Promise<ProcessId | undefined> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const status = await readFile(`/proc/${entry}/status`, 'utf8').catch(() => '');
    if (new RegExp(`^PPid:\\s+${parent}$`, 'm').test(status) && /^NSpid:\s+\d+\s+1$/m.test(status)) {
      return processId(Number(entry));
    }
  }
  return undefined;
}

/** SIGKILL; a process that is gone already is fine. */
export function killAtOnce(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
