import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { billPath } from '../../build/build.ts';
import type { Engine } from '../engine/engine.ts';
import { ensurePart } from '../parts/ensure-part.ts';
import { partWith } from '../parts/table.ts';
import { repositoryRoot } from '../paths.ts';
import type { Progress } from '../progress/progress.ts';
import { ensureBaseRoot } from './base-root.ts';
import { buildImage } from './build-image.ts';
import type { Image, KnownDigests } from './image.ts';
import { type PublishedImages, fromPublished } from './published.ts';
import type { Sample } from './sample.ts';

/** The sources of images beside the pinned parts. */
export interface ImageParts {
  /** The `landbridge` program, one ESM file. */
  bundle: string;
  sample: Sample;
  /** Images of Envoy and Consul that the engine holds. Without them both are built from the pinned parts. */
  published?: Pick<PublishedImages, 'envoy' | 'consul'>;
}

/** The images the cluster runs, by what they are. */
export const imageTags = {
  landbridge: 'landbridge/landbridge:dev',
  bridge: 'landbridge/bridge:dev',
  envoy: `landbridge/envoy:${partWith('envoy').part.version}`,
  consul: `landbridge/consul:${partWith('consul').part.version}`,
};

/**
 * Builds the images the cluster runs, and gives their tags. One whose content is the same as before is left as it is,
 * so the second time there is nothing to do. The engine must be up.
 */
export async function buildImages(engine: Engine, parts: ImageParts, progress: Progress): Promise<string[]> {
  const images = await describeImages(parts, progress);
  const task = progress.begin('images');
  try {
    let built = 0;
    const digests: KnownDigests = new Map();
    for (const round of rounds(images)) {
      task.at(round.map(({ tag }) => tag).join(', '));
      const made = await Promise.all(round.map((image) => buildImage(engine, image, digests)));
      built += made.filter(Boolean).length;
    }
    task.done(built === 0 ? 'up to date' : `built ${built} of ${images.length}`);
  } catch (error) {
    task.failed('not built');
    throw error;
  }
  const bases = new Set(images.flatMap(({ on = [] }) => on.map(({ tag }) => tag)));
  const run = new Set(Object.values(imageTags));
  return images.map(({ tag }) => tag).filter((tag) => run.has(tag) || !bases.has(tag));
}

async function describeImages({ bundle, sample, published }: ImageParts, progress: Progress): Promise<Image[]> {
  const [{ tar: baseTar }, node, product, productBridge] = await Promise.all([
    ensureBaseRoot(progress),
    ensurePart('node', progress),
    readFile(join(repositoryRoot, 'Dockerfile'), 'utf8'),
    readFile(join(repositoryRoot, 'Dockerfile.bridge'), 'utf8'),
  ]);
  const base: Image = {
    tag: 'landbridge/base:dev',
    dockerfile: 'FROM scratch\nADD base.tar /\n',
    context: { 'base.tar': baseTar },
  };
  const nodejs = program(`landbridge/nodejs:${partWith('node').part.version}`, base, 'node', node);
  const landbridge: Image = {
    tag: imageTags.landbridge,
    dockerfile: product,
    context: { 'dist/landbridge.mjs': bundle, 'dist/landbridge.cdx.json': billPath },
    args: { BASE_IMAGE: base.tag, NODE_IMAGE: nodejs.tag },
    target: 'prebuilt',
    on: [base, nodejs],
  };
  const ofProject = async (name: 'envoy' | 'consul'): Promise<Image> =>
    published === undefined
      ? program(imageTags[name], base, name, await ensurePart(name, progress))
      : fromPublished(imageTags[name], published[name]);
  const [sidecar, consul] = await Promise.all([ofProject('envoy'), ofProject('consul')]);
  const bridge: Image = {
    tag: imageTags.bridge,
    dockerfile: productBridge,
    context: {},
    args: { LANDBRIDGE_IMAGE: landbridge.tag, ENVOY_IMAGE: sidecar.tag, VM_ARCH: process.arch },
    on: [landbridge, sidecar],
  };
  const samples = sample.images.map((name) => sampleImage(name, join(sample.folder, name), base));
  return [...[base, nodejs, landbridge, sidecar, bridge], consul, ...(await Promise.all(samples))];
}

/** One executable that is not ours, on the base. */
function program(tag: string, base: Image, name: string, file: string): Image {
  return {
    tag,
    dockerfile: `FROM ${base.tag}
COPY ${name} /usr/local/bin/${name}
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/${name}"]
`,
    context: { [name]: file },
    on: [base],
  };
}

async function sampleImage(name: string, folder: string, base: Image): Promise<Image> {
  return {
    tag: `landbridge-sample/${name}:dev`,
    dockerfile: await readFile(join(folder, 'Dockerfile'), 'utf8'),
    context: { '.': folder },
    args: { BASE_IMAGE: base.tag, SERVICE: name },
    target: 'prebuilt',
    on: [base],
  };
}

/** In the order in which they can be built: those of one round stand on earlier rounds only. */
function rounds(images: readonly Image[]): Image[][] {
  const depth = ({ on = [] }: Image): number => Math.max(0, ...on.map((base) => depth(base) + 1));
  const byDepth = new Map<number, Image[]>();
  for (const image of images) byDepth.set(depth(image), [...(byDepth.get(depth(image)) ?? []), image]);
  return [...byDepth].sort(([a], [b]) => a - b).map(([, round]) => round);
}
