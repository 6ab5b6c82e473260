import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { withLock } from '../parts/file-lock.ts';
import { cacheDirectory } from '../paths.ts';
import type { Progress, Task } from '../progress/progress.ts';

/** A folder made from parts on this machine, once. */
export interface Recipe {
  name: string;
  /** Everything that decides what is in the folder: another recipe is another folder, so nothing ever goes stale. */
  from: readonly string[];
  /** Said on the progress line. */
  doing: string;
  /** Fills the empty folder. */
  fill(folder: string, task: Task): Promise<void>;
}

const underway = new Map<string, Promise<string>>();

/**
 * Gives the absolute path of the folder in the per-user cache, making it first when it is not there. It appears whole or
 * not at all; of several callers and processes one makes it and the others wait.
 */
export function ensureCachedFolder(recipe: Recipe, progress: Progress): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(recipe.from)).digest('hex').slice(0, 12);
  const folder = join(cacheDirectory(), 'made', `${recipe.name}-${hash}`);
  const making = underway.get(folder) ?? make(recipe, folder, progress).finally(() => underway.delete(folder));
  underway.set(folder, making);
  return making;
}

async function make({ name, doing, fill }: Recipe, folder: string, progress: Progress): Promise<string> {
  if (existsSync(folder)) return folder;
  await mkdir(join(folder, '..'), { recursive: true });
  const task = progress.begin(name);
  task.at(doing);
  try {
    await withLock(
      `${folder}.lock`,
      () => task.at('another process is making it'),
      async () => {
        if (existsSync(folder)) return;
        const draft = `${folder}.making`;
        await rm(draft, { recursive: true, force: true });
        await mkdir(draft);
        await fill(draft, task);
        await rename(draft, folder);
      },
    );
  } catch (error) {
    task.failed(doing);
    throw error;
  }
  task.done(doing);
  return folder;
}
