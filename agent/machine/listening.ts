import { readFile } from 'node:fs/promises';

/**
 * The sockets that listen on a local TCP port now, by inode (proc(5), /proc/net/tcp). An app that was restarted has
 * another one, even after a quick restart, which a check once a second could miss. Empty when the sockets cannot be read.
 */
export async function listenersOn(port: number): Promise<string[]> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  return tables.flatMap((table) => parseListeners(table, port));
}

const LISTEN = '0A';

export function parseListeners(table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === LISTEN && local?.endsWith(`:${hex}`))
    .map((fields) => fields[9] ?? '');
}
