import { readFileSync } from 'node:fs';

/** A process as it cannot be mistaken for another: pids are used again, a pid with its start time is not. */
export interface ProcessId {
  pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  started: number;
}

/** undefined: there is no such process, or it is a zombie. */
export function processId(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses, and may hold blanks and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { pid, started: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

export function thisProcess(): ProcessId {
  const found = processId(process.pid);
  if (found === undefined) throw new Error('/proc is not mounted');
  return found;
}

export function isAlive(id: ProcessId): boolean {
  return processId(id.pid)?.started === id.started;
}
