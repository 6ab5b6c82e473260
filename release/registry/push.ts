import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Descriptor, MEDIA, REF_NAME, blobPath } from '../images/layout.ts';
import { type Registry, refused } from './registry.ts';

interface Manifest {
  manifests?: Descriptor[];
  config?: Descriptor;
  layers?: Descriptor[];
}

/** Pushes every manifest that the index of a layout names, below the registry's path. A blob that is there is not sent again. Gives the names. */
export async function pushLayout(folder: string, registry: Registry): Promise<string[]> {
  const { manifests = [] } = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')) as Manifest;
  // A bill of materials comes after the image that it is about.
  const ordered = manifests.toSorted((a, b) => Number(isReferrer(a)) - Number(isReferrer(b)));
  const pushed: string[] = [];
  for (const descriptor of ordered) {
    const [name, tag] = descriptor.annotations![REF_NAME]!.split(':') as [string, string];
    await pushManifest(folder, registry, name, descriptor, tag);
    pushed.push(`${registry.host}/${registry.path(name)}:${tag}`);
  }
  return pushed;
}

const isReferrer = ({ annotations }: Descriptor): boolean => /:sha256-/.test(annotations![REF_NAME]!);

async function pushManifest(
  folder: string,
  registry: Registry,
  name: string,
  descriptor: Descriptor,
  reference = descriptor.digest,
): Promise<void> {
  const bytes = await readFile(blobPath(folder, descriptor.digest));
  const { manifests = [], config, layers = [] } = JSON.parse(bytes.toString()) as Manifest;
  for (const below of manifests) await pushManifest(folder, registry, name, below);
  const blobs = descriptor.mediaType === MEDIA.index ? [] : [...(config === undefined ? [] : [config]), ...layers];
  for (const blob of blobs) await pushBlob(folder, registry, name, blob);
  const path = `${registry.path(name)}/manifests/${reference}`;
  const headers = { 'content-type': descriptor.mediaType };
  const answer = await registry.ask('PUT', `/v2/${path}`, { headers, body: bytes });
  if (answer.status !== 201) throw await refused(`the manifest ${path}`, answer);
}

async function pushBlob(folder: string, registry: Registry, name: string, { digest, size }: Descriptor): Promise<void> {
  const path = registry.path(name);
  if ((await registry.ask('HEAD', `/v2/${path}/blobs/${digest}`)).status === 200) return;
  const begun = await registry.ask('POST', `/v2/${path}/blobs/uploads/`);
  const location = begun.headers.get('location');
  if (begun.status !== 202 || location === null) throw await refused(`an upload to ${path}`, begun);
  const separator = location.includes('?') ? '&' : '?';
  const answer = await registry.ask('PUT', `${location}${separator}digest=${encodeURIComponent(digest)}`, {
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
    body: () => createReadStream(blobPath(folder, digest)),
  });
  if (answer.status !== 201) throw await refused(`the blob ${digest} of ${path}`, answer);
}
