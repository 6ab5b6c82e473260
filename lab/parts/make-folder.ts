import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Progress, Task } from '../progress/progress.ts';
import { withLock } from './file-lock.ts';

export interface Making {
  /** The name on the progress line. */
  name: string;
  /** Said on the progress line. */
  doing: string;
  /** Fills the empty folder. */
  fill(folder: string, task: Task): Promise<void>;
}

const underway = new Map<string, Promise<string>>();

/**
 * Makes a folder of the cache when it is not there, and gives its path. It appears whole or not at all. One of
 * several callers and processes makes it, and the others wait.
 */
export function makeFolder(folder: string, making: Making, progress: Progress): Promise<string> {
  const begun = underway.get(folder) ?? make(folder, making, progress).finally(() => underway.delete(folder));
  underway.set(folder, begun);
  return begun;
}

async function make(folder: string, { name, doing, fill }: Making, progress: Progress): Promise<string> {
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
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
