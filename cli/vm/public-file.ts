import { chmod, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { atomicWrite } from '../../agent/machine/atomic-write.ts';

const FOR_ALL = 0o555;

/**
 * Makes a folder that all users can enter and list under any umask of root. A folder that was there before is opened only
 * when `reader` (undefined: some user) cannot enter it, so that its owner can close it to all others on purpose.
 */
export async function publicFolder(path: string, reader?: { uid: number; gid: number }): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  for (let made = path; first !== undefined && made.length >= first.length; made = dirname(made))
    await chmod(made, 0o755);
  const it = await stat(path);
  if (!canEnter(it, reader)) await chmod(path, (it.mode & 0o7777) | FOR_ALL);
}

/** Whether the user may list and enter it; undefined: whether everybody may. */
function canEnter(
  { mode, uid, gid }: { mode: number; uid: number; gid: number },
  reader?: { uid: number; gid: number },
): boolean {
  const bits = reader?.uid === uid ? mode >> 6 : reader?.gid === gid ? mode >> 3 : mode;
  return (bits & 0o5) === 0o5;
}

/** A file that all users can read. Whether it was changed: its text, or who can read it. */
export async function publicFile(path: string, text: string): Promise<boolean> {
  const before = await stat(path).catch(() => undefined);
  const same = before !== undefined && (await readFile(path, 'utf8').catch(() => '')) === text;
  if (same && (before.mode & 0o444) === 0o444) return false;
  await publicFolder(dirname(path));
  await atomicWrite(path, text, { mode: 0o644 });
  return true;
}
