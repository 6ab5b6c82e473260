import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { z } from 'zod';

import { atomicWrite } from '../machine/atomic-write.ts';
import type { Settings } from '../machine/settings.ts';

const port = z.int().min(1).max(65_535);
/** As many as a machine may have instances. */
const ports = z.array(port).max(256);

/** The request of the agent, which cannot write rules, to root. */
const askedDoors = z.strictObject({
  close: ports,
  /** A port in neither list stays as it is. */
  open: ports,
  /** Another each time it asks again. */
  ask: z.int().min(0),
});
export type AskedDoors = z.output<typeof askedDoors>;

/** The result of root, for everybody to read. */
const doorsState = z.object({
  closed: ports,
  refused: z.array(z.object({ port, why: z.string() })),
  /** Why the rules are not as they should be, one sentence. */
  problem: z.string().optional(),
});
export type DoorsState = z.output<typeof doorsState>;

/** In a folder of the agent's user, so root trusts it as little as that user. */
export const askedFile = ({ runtimeDir }: Pick<Settings, 'runtimeDir'>): string => join(runtimeDir, 'doors.json');
/** In a folder of root's: nobody else may write there. */
export const stateFile = ({ doorsDir }: Pick<Settings, 'doorsDir'>): string => join(doorsDir, 'state.json');

export const writeAsked = (settings: Pick<Settings, 'runtimeDir'>, asked: AskedDoors): Promise<void> =>
  atomicWrite(askedFile(settings), `${JSON.stringify(asked)}\n`, { mode: 0o640 });

/** undefined: nothing is asked, or the file holds no request. Throws for a file of another user, and for anything but a plain file. */
export async function readAsked(settings: Pick<Settings, 'runtimeDir'>): Promise<AskedDoors | undefined> {
  return parse(askedDoors, await readBounded(askedFile(settings)));
}

/** undefined: root has done nothing yet. */
export const readDoorsState = async (settings: Pick<Settings, 'doorsDir'>): Promise<DoorsState | undefined> =>
  parse(doorsState, await readBounded(stateFile(settings)).catch(() => undefined));

function parse<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const MAX_BYTES = 64 * 1024;

/**
 * The text of a plain file that belongs to the owner of its folder; undefined when it is not there. The agent's user can put
 * anything in its place: root follows no link, waits for nothing, and reads at most 64 KiB.
 */
async function readBounded(path: string): Promise<string | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const [it, folder] = [await file.stat(), await stat(dirname(path))];
    if (!it.isFile() || it.uid !== folder.uid)
      throw new Error(`${path} does not belong to the owner of its folder, or is not a plain file`);
    if (it.size > MAX_BYTES) throw new Error(`${path} is larger than ${MAX_BYTES} bytes`);
    const buffer = Buffer.alloc(MAX_BYTES);
    const { bytesRead } = await file.read(buffer, 0, MAX_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
