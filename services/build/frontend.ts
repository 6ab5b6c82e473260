import { build } from 'esbuild';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artefact } from './artefact.ts';
import { copyInto, dockerfile, filesIn } from './files.ts';
import { run } from './tools.ts';

/** The Node that runs this build, stripped of symbols, for an image whose base has none. */
export function nodeRuntime(version: string): Artefact {
  return {
    name: 'node',
    sources: [],
    recipe: [version, process.arch],
    make: async (folder) => {
      await copyFile(process.execPath, join(folder, 'node'));
      // Only smaller: a machine without binutils gets the binary as it is.
      await run('strip', [join(folder, 'node')]).catch(() => '');
    },
  };
}

/** The frontend as one plain JavaScript file. */
export async function frontend(services: string, version: string): Promise<Artefact> {
  const folderOf = join(services, 'frontend');
  const deploy = await filesIn(folderOf, '.service');
  return {
    name: 'frontend',
    sources: [...(await filesIn(folderOf, '.ts')), ...deploy, dockerfile(services, 'node')],
    recipe: [version],
    make: async (folder) => {
      const bundle = { bundle: true, platform: 'node', target: 'node20', format: 'esm', logLevel: 'silent' } as const;
      await build({ ...bundle, entryPoints: [join(folderOf, 'main.ts')], outfile: join(folder, 'frontend.mjs') });
      await copyInto(folder, deploy);
      await copyFile(dockerfile(services, 'node'), join(folder, 'Dockerfile'));
    },
  };
}
