import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * The text of a file in a folder of the agent's user. Root's commands read there, too, and the agent's user can replace the
 * file with a link to a file of root's, or with a pipe that nobody writes to. So no link is followed, and root reads only
 * a plain file that has the owner of its folder. Throws the system's error, or an Error with the code ENOTOWN.
 */
export async function readOwn(path: string): Promise<string> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const [it, folder] = [await file.stat(), await stat(dirname(path))];
    const foreign = process.geteuid?.() === 0 && it.uid !== folder.uid;
    if (foreign || !it.isFile())
      throw Object.assign(new Error(`${path} does not belong to the owner of its folder, or is not a plain file`), {
        code: 'ENOTOWN',
      });
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
