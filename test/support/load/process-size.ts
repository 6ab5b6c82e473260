import { readdir, readFile } from 'node:fs/promises';

export interface ProcessSize {
  /** Resident memory that is its own, without files that it maps. */
  megabytes: number;
  /** Open files and sockets. */
  handles: number;
}

/** As the kernel says of another process. */
export async function sizeOf(pid: number): Promise<ProcessSize> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(status) ?? [];
  return { megabytes: Math.round(Number(kilobytes) / 1024), handles: (await readdir(`/proc/${pid}/fd`)).length };
}
