import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { debianRelease } from '../debian-release.ts';
import { run } from '../exec.ts';
import type { Progress } from '../progress.ts';
import { ensureCachedFolder } from './cached-folder.ts';
import { unpackPackages } from './packages.ts';

/** Java as two folders that run from wherever they are put. */
export interface Java {
  /** Compiler and archiver: bin/javac, bin/jar. */
  jdk: string;
  /** What the sample runs on, 36 MB: bin/java. */
  jre: string;
}

const packages = ['default-jdk-headless'];
const toolModules = ['jdk.compiler', 'jdk.jartool', 'jdk.httpserver', 'java.net.http', 'java.logging'];
const runtimeModules = [
  'java.base',
  'java.logging',
  'java.net.http',
  'jdk.httpserver',
  'jdk.crypto.ec',
  'jdk.management',
];

/**
 * Java of the host's own release. Its packages cannot be used as they are unpacked: their configuration is a set of links
 * to /etc. `jlink` copies what they lead to, and leaves out what nobody calls.
 */
export async function ensureJava(progress: Progress): Promise<Java> {
  const folder = await ensureCachedFolder(
    {
      name: 'java',
      from: [debianRelease().codename, ...packages, ...toolModules, 'jre', ...runtimeModules],
      doing: 'cutting a compiler and a runtime out of the JDK',
      fill: async (draft, task) => {
        const root = join(draft, 'root');
        await unpackPackages('extract', packages, root, task);
        await mkdir(join(root, 'proc'), { recursive: true });
        task.at('jlink');
        await link(root, toolModules, '/jdk');
        await link(root, runtimeModules, '/jre');
        for (const name of ['jdk', 'jre']) await rename(join(root, name), join(draft, name));
        await rm(root, { recursive: true });
      },
    },
    progress,
  );
  return { jdk: join(folder, 'jdk'), jre: join(folder, 'jre') };
}

async function link(root: string, modules: readonly string[], into: string): Promise<void> {
  await run('unshare', [
    ...['--mount', '--pid', '--fork', `--root=${root}`, '--mount-proc', '/usr/lib/jvm/default-java/bin/jlink'],
    ...['--add-modules', modules.join(','), '--output', into],
    ...['--strip-java-debug-attributes', '--no-man-pages', '--no-header-files', '--compress=2'],
  ]);
}
