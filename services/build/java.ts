import { copyFile, cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artefact } from './artefact.ts';
import { copyInto, dockerfile, filesIn } from './files.ts';
import { run } from './tools.ts';

const modules = ['java.base', 'java.logging', 'java.net.http', 'jdk.httpserver'];
// Not --strip-debug: that one wants objcopy, and Debian's libraries are stripped already.
const linking = ['--strip-java-debug-attributes', '--no-header-files', '--no-man-pages', '--compress=2', '--vm=server'];

/** A Java runtime of just what the sample needs, for images and VMs; `jvm.args` in it is passed as `java @FILE`. */
export function javaRuntime(services: string, version: string): Artefact {
  const args = join(services, 'jvm/jvm.args');
  return {
    name: 'jre',
    sources: [args],
    recipe: [version, ...modules, ...linking],
    make: async (folder) => {
      await rm(folder, { recursive: true }); // jlink wants to make it itself
      await run('jlink', ['--add-modules', modules.join(','), ...linking, '--output', folder]);
      // The class data that -Xshare:auto maps at start; jlink does not carry it over. Only G1 can dump the heap part of it,
      // which the serial collector can then load.
      await run(join(folder, 'bin/java'), ['-XX:+UseG1GC', '-Xshare:dump']);
      await bundleZlib(folder);
      await cp(args, join(folder, 'jvm.args'));
    },
  };
}

/** Debian's Java takes zlib from the system; with it in the runtime's own folder, where it is looked for, a base with libc and libstdc++ will do. */
async function bundleZlib(jre: string): Promise<void> {
  const path = /libz\.so\.1 => (\S+)/.exec(await run('ldd', [join(jre, 'bin/java')]))?.[1];
  if (path) await cp(path, join(jre, 'lib/libz.so.1'), { dereference: true });
}

/** The folder's Java sources and the shared ones as one runnable jar, beside the files that deploy it. */
export async function javaService(
  services: string,
  name: string,
  mainClass: string,
  version: string,
): Promise<Artefact> {
  const java = [...(await filesIn(join(services, 'jvm'), '.java')), ...(await filesIn(join(services, name), '.java'))];
  const deploy = await filesIn(join(services, name), '.service');
  return {
    name,
    sources: [...java, ...deploy, dockerfile(services, 'java')],
    recipe: [version, mainClass],
    make: async (folder) => {
      const classes = join(folder, 'classes');
      await mkdir(classes);
      await run('javac', ['--release', '17', '-d', classes, ...java]);
      // A fixed date: the same sources give the same jar.
      const jar = ['--create', '--date', '2026-01-01T00:00:00Z', '--file', join(folder, `${name}.jar`)];
      await run('jar', [...jar, '--main-class', mainClass, '-C', classes, '.']);
      await rm(classes, { recursive: true });
      await copyInto(folder, deploy);
      await copyFile(dockerfile(services, 'java'), join(folder, 'Dockerfile'));
    },
  };
}
