import { readFile } from 'node:fs/promises';

/** Linux reports CPU time in ticks of 1/100 s to user space, for any rate of the kernel (man 7 time, USER_HZ). */
const TICKS_PER_SECOND = 100;

/** User and system CPU seconds out of the text of /proc/PID/stat. The name in brackets may hold spaces and brackets. */
export function cpuSecondsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Fields 14 and 15 of man 5 proc; the first one here is the third.
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Bytes of a line such as `VmRSS:   1234 kB` of /proc/PID/status. Throws when the line is not there. */
export function bytesOf(status: string, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status);
  if (found === null) throw new Error(`/proc/PID/status has no ${field}`);
  return Number(found[1]) * 1024;
}

export const cpuSeconds = async (pid: number): Promise<number> =>
  cpuSecondsOf(await readFile(`/proc/${pid}/stat`, 'utf8'));

export const residentBytes = async (pid: number): Promise<number> =>
  bytesOf(await readFile(`/proc/${pid}/status`, 'utf8'), 'VmRSS');
