import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** One folder of the output: its sources, and the way it is made. */
export interface Artefact {
  /** Its folder in the output. */
  readonly name: string;
  /** Files whose content decides whether it is up to date. */
  readonly sources: readonly string[];
  /** Other inputs: versions of tools and of the artefacts inside, flags. */
  readonly recipe: readonly string[];
  /** Fills an empty folder. */
  readonly make: (folder: string) => Promise<void>;
}

export type Built = { readonly name: string; readonly folder: string; readonly key: string; readonly made: boolean };

const stamp = '.built';

/**
 * Makes an artefact unless the one that is there came from the same sources and recipe. It appears whole or not at all,
 * so an interrupted build is taken up where it was.
 */
export async function bringUpToDate(artefact: Artefact, outDir: string): Promise<Built> {
  const folder = join(outDir, artefact.name);
  const key = await keyOf(artefact);
  if ((await readFile(join(folder, stamp), 'utf8').catch(() => '')) === key)
    return { name: artefact.name, folder, key, made: false };
  const draft = join(outDir, `.${artefact.name}.${process.pid}`);
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  try {
    await artefact.make(draft);
    await writeFile(join(draft, stamp), key);
    await rm(folder, { recursive: true, force: true });
    await rename(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return { name: artefact.name, folder, key, made: true };
}

async function keyOf(artefact: Artefact): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(artefact.recipe));
  for (const source of [...artefact.sources].sort()) {
    await access(source);
    hash.update(`\0${basename(source)}\0`).update(await readFile(source));
  }
  return hash.digest('hex');
}
