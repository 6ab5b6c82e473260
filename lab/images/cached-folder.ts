import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { type Making, makeFolder } from '../parts/make-folder.ts';
import { cacheDirectory } from '../paths.ts';
import type { Progress } from '../progress/progress.ts';

/** A folder made from parts on this machine, once. */
export interface Recipe extends Making {
  /** Everything that decides what is in the folder: another recipe is another folder, so nothing ever goes stale. */
  from: readonly string[];
}

/** Gives the absolute path of the folder in the per-user cache, making it first when it is not there. */
export function ensureCachedFolder({ from, ...making }: Recipe, progress: Progress): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(from)).digest('hex').slice(0, 12);
  return makeFolder(join(cacheDirectory(), 'made', `${making.name}-${hash}`), making, progress);
}
