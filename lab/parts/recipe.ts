import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { repositoryRoot } from '../paths.ts';
import type { Part } from './part.ts';

export const goDirectory = join(repositoryRoot, 'lab', 'go');
export const pythonDirectory = join(repositoryRoot, 'lab', 'python');

/**
 * Name of a part's folder in the cache: name, version, and a hash of everything that decides what is in it. So a
 * changed recipe is another folder, and nothing has to be invalidated.
 */
export function partFolder(part: Part, debianRelease: string): string {
  const hash = createHash('sha256').update(JSON.stringify([part.version, part.source]));
  if (part.source.from === 'go') hash.update(digestOfFolder(join(goDirectory, part.source.module)));
  // A release has one Python, and its packages hold machine code for that one.
  if (part.source.from === 'debian' || part.source.from === 'python') hash.update(debianRelease);
  if (part.source.from === 'python') hash.update(readFileSync(join(pythonDirectory, part.source.requirements)));
  return `${part.name}-${part.version}-${hash.digest('hex').slice(0, 12)}`;
}

/** SHA-256 over the paths and contents of all files below a folder, in hexadecimal. */
export function digestOfFolder(folder: string): string {
  const hash = createHash('sha256');
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`${relative(folder, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}
