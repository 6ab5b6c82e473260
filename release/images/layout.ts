import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

export const MEDIA = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  empty: 'application/vnd.oci.empty.v1+json',
};
/** The annotation by which an index names a manifest: `landbridge/bridge:0.3.0`. */
export const REF_NAME = 'org.opencontainers.image.ref.name';

export interface Descriptor {
  mediaType: string;
  /** `sha256:HEX`. */
  digest: string;
  size: number;
  platform?: { os: string; architecture: string };
  annotations?: Record<string, string>;
  artifactType?: string;
}

export interface Layer {
  descriptor: Descriptor;
  /** Digest of the tar before it was compressed. */
  diffId: string;
}

/** An image layout on disk (https://github.com/opencontainers/image-spec/blob/main/image-layout.md), while it is filled. */
export interface Layout {
  folder: string;
  /** The manifests that its index names. */
  named: Descriptor[];
}

export async function beginLayout(folder: string): Promise<Layout> {
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return { folder, named: [] };
}

export const blobPath = (folder: string, digest: string): string => join(folder, 'blobs', digest.replace(':', '/'));

export async function putBlob(layout: Layout, mediaType: string, bytes: Buffer): Promise<Descriptor> {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  await writeFile(blobPath(layout.folder, digest), bytes);
  return { mediaType, digest, size: bytes.length };
}

export const putJson = (layout: Layout, mediaType: string, document: object): Promise<Descriptor> =>
  putBlob(layout, mediaType, Buffer.from(JSON.stringify(document)));

/** Compresses a tar into the layout. */
export async function putLayer({ folder }: Layout, tar: string): Promise<Layer> {
  const draft = join(folder, `draft-${process.pid}-${Math.random()}`);
  const [plain, packed] = [meter(), meter()];
  await pipeline(
    createReadStream(tar, { highWaterMark: 1 << 20 }),
    plain.stream,
    createGzip(),
    packed.stream,
    createWriteStream(draft),
  );
  const digest = packed.digest();
  await rename(draft, blobPath(folder, digest));
  const { size } = await stat(blobPath(folder, digest));
  return { descriptor: { mediaType: MEDIA.layer, digest, size }, diffId: plain.digest() };
}

/** Names a manifest, and gives it. */
export function nameManifest(layout: Layout, name: string, descriptor: Descriptor): Descriptor {
  const annotations = { ...descriptor.annotations, [REF_NAME]: name, 'io.containerd.image.name': name };
  layout.named.push({ ...descriptor, annotations });
  return descriptor;
}

export async function endLayout({ folder, named }: Layout): Promise<void> {
  const index = { schemaVersion: 2, mediaType: MEDIA.index, manifests: named };
  await writeFile(join(folder, 'index.json'), JSON.stringify(index));
}

/** Passes bytes on, and knows their digest. */
function meter(): { stream: Transform; digest(): string } {
  const hash = createHash('sha256');
  const transform = (chunk: Buffer, _encoding: string, done: TransformCallback): void => {
    hash.update(chunk);
    done(null, chunk);
  };
  return { stream: new Transform({ transform }), digest: () => `sha256:${hash.digest('hex')}` };
}
