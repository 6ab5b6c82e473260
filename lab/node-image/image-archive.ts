import { createHash } from 'node:crypto';
import { createReadStream, linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from '../host/exec.ts';

/** An image as one or more layers, each the path of an uncompressed tar. */
export interface ImageSource {
  names: string[];
  layers: string[];
  entrypoint?: string[];
}

/**
 * Writes images as one archive that `docker load` and `ctr images import` read; a layer that several share is in it
 * once. Gives the digests of all layers. `scratch` is a folder for the time of the work, on the file system of the
 * layers.
 */
export async function writeImageArchive(
  images: readonly ImageSource[],
  archive: string,
  scratch: string,
): Promise<string[]> {
  mkdirSync(scratch);
  const digests = new Map<string, string>();
  for (const layer of new Set(images.flatMap((image) => image.layers))) {
    const digest = await sha256(layer);
    digests.set(layer, digest);
    linkSync(layer, join(scratch, `${digest}.tar`));
  }
  const manifest = images.map((image) => {
    const layers = image.layers.map((layer) => digests.get(layer) ?? '');
    const config = JSON.stringify(imageConfig(layers, image.entrypoint));
    const file = `${createHash('sha256').update(config).digest('hex')}.json`;
    writeFileSync(join(scratch, file), config);
    return { Config: file, RepoTags: image.names, Layers: layers.map((layer) => `${layer}.tar`) };
  });
  writeFileSync(join(scratch, 'manifest.json'), JSON.stringify(manifest));
  await run('tar', ['-C', scratch, '-cf', archive, '.']);
  rmSync(scratch, { recursive: true });
  return [...digests.values()].map((digest) => `sha256:${digest}`);
}

function imageConfig(layers: string[], entrypoint: string[] | undefined): object {
  return {
    architecture: 'amd64',
    os: 'linux',
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${layer}`) },
    history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'landbridge' })),
  };
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
