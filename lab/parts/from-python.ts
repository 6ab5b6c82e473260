import { join } from 'node:path';
import { run } from '../host/exec.ts';
import type { PythonSource } from './part.ts';
import { pythonDirectory } from './recipe.ts';

/** Packages and all that they need, below `lib`, where PYTHONPATH leads to. Nothing is compiled, and pip takes no file whose hash is not committed. */
export async function makeFromPython(source: PythonSource, folder: string): Promise<void> {
  await run('pip3', [
    ...['install', '--quiet', '--require-hashes', '--only-binary=:all:', '--no-cache-dir', '--no-compile'],
    ...['--no-warn-script-location', '--target', join(folder, 'lib')],
    ...['--requirement', join(pythonDirectory, source.requirements)],
  ]);
}
