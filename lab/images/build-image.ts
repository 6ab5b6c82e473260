import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Engine } from '../engine/engine.ts';
import { digestOf, layOut, type Image, type KnownDigests } from './image.ts';

const label = 'dev.landbridge.content';

/** Builds an image unless the engine has one of this tag and this very content. Says whether it built. */
export async function buildImage(engine: Engine, image: Image, known?: KnownDigests): Promise<boolean> {
  const digest = await digestOf(image, known);
  const same = ['images', '--filter', `label=${label}=${digest}`, '--format', '{{.Repository}}:{{.Tag}}'];
  if ((await engine.docker(same)).split('\n').includes(image.tag)) return false;
  const before = await engine.docker(['images', '--quiet', '--no-trunc', image.tag]);
  const folder = await mkdtemp(join(tmpdir(), 'landbridge-image-'));
  try {
    await layOut(image, folder);
    await engine.docker([
      ...['build', '--quiet', '--tag', image.tag, '--label', `${label}=${digest}`],
      ...Object.entries(image.args ?? {}).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
      ...(image.target === undefined ? [] : ['--target', image.target]),
      folder,
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  // The earlier image has lost its name. It stays while a container or another image stands on it.
  if (before !== '') await engine.docker(['rmi', before]).catch(() => undefined);
  return true;
}
