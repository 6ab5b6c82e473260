import { cp, link, mkdir, readdir, symlink, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** The files of a folder, not of those below it, whose name ends in one of `ends`; sorted. */
export async function filesIn(folder: string, ...ends: string[]): Promise<string[]> {
  const names = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
  return names
    .filter((name) => ends.some((end) => name.endsWith(end)))
    .sort()
    .map((name) => join(folder, name));
}

/** How an image of a language is made. The copy in a service's folder makes that a whole context for its stage `prebuilt`. */
export const dockerfile = (services: string, language: 'go' | 'java' | 'node'): string =>
  join(services, `${language}.Dockerfile`);

export async function copyInto(folder: string, files: readonly string[]): Promise<void> {
  for (const file of files) await cp(file, join(folder, basename(file)));
}

/** The same tree a second time without its bytes: one image context can hold what another folder holds too. */
export async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await linkTree(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else await link(source, target);
  }
}
