import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface WriteOptions {
  mode: number;
  /** Default: the user of this process. */
  owner?: { uid: number; gid: number };
}

let count = 0;

/**
 * Replaces a file so that a reader, or the next boot after a power cut, finds the old content or the new, never a part:
 * write beside it, sync, rename, sync the folder.
 */
export async function atomicWrite(path: string, content: string, { mode, owner }: WriteOptions): Promise<void> {
  const beside = `${path}.${process.pid}-${(count += 1)}.tmp`;
  try {
    const file = await open(beside, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.chmod(mode); // The umask must not decide who can read.
      // The handle stays this file. The owner of the folder can put a link in the place of its name.
      if (owner) await file.chown(owner.uid, owner.gid);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
