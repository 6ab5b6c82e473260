import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { output } from '../host/exec.ts';
import type { GoModuleSource } from './part.ts';

/** Outside of any module of ours, so that nothing but this one is asked for. */
const env = { GOFLAGS: '-mod=mod', GOWORK: 'off' };

export async function makeFromGoModule(source: GoModuleSource, folder: string): Promise<void> {
  const said = await output('go', ['mod', 'download', '-json', source.module], { cwd: folder, env });
  const { Dir, Sum } = JSON.parse(said) as { Dir: string; Sum: string };
  if (Sum !== source.sum) throw new Error(`${source.module} has the sum ${Sum}, pinned is ${source.sum}`);
  // Files in Go's cache are read-only. A part must be removable like any other folder.
  cpSync(join(Dir, source.folder), folder, { recursive: true, mode: 0 });
}
