import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * The text of a file in a folder that belongs to the agent's user, also for root, whose commands read there. That user can
 * put anything in the place of the file: a link to a file of root's, a pipe that nobody writes to. So no link is followed,
 * and what belongs to somebody else than the folder does is not read. Throws what the system throws, or an Error with the
 * code ENOTOWN.
 */
export async function readOwn(path: string): Promise<string> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const [it, folder] = [await file.stat(), await stat(dirname(path))];
    const foreign = process.geteuid?.() === 0 && it.uid !== folder.uid;
    if (foreign || !it.isFile())
      throw Object.assign(new Error(`${path} is no file of the owner of its folder`), { code: 'ENOTOWN' });
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
