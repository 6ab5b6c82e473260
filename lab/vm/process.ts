import { readdir, readFile } from 'node:fs/promises';

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessId {
  pid: number;
  /** Clock ticks after boot, field 22 of /proc/PID/stat (proc(5)). */
  startTime: number;
}

/** The process behind a pid; undefined when there is none or when it is dead and only not reaped yet. */
export async function processOf(pid: number): Promise<ProcessId | undefined> {
  const fields = await statFields(pid);
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X'
    ? undefined
    : { pid, startTime: Number(fields[19]) };
}

export async function isAlive(id: ProcessId): Promise<boolean> {
  return (await processOf(id.pid))?.startTime === id.startTime;
}

/** The child of `parent` that is the first process of a pid namespace of its own, once there is one. */
export async function namespaceInit(parent: number): Promise<ProcessId | undefined> {
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const fields = await statFields(pid);
    if (fields === undefined || Number(fields[1]) !== parent) continue;
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    if (/^NSpid:\s+\d+\s+1$/m.test(status)) return processOf(pid);
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

/** What follows the command's name in /proc/PID/stat: state, parent, ... The name may hold spaces and brackets. */
async function statFields(pid: number): Promise<string[] | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}
