import { type Descriptor, type Layout, MEDIA, nameManifest, putBlob, putJson } from './layout.ts';

const BILL = 'application/vnd.cyclonedx+json';

/**
 * Hangs a bill of materials on an image. A registry with the referrers API finds it by its subject; for the others the
 * index of referrers is a tag made from the digest
 * (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema).
 */
export async function putReferrer(layout: Layout, name: string, subject: Descriptor, bill: string): Promise<void> {
  const { mediaType, digest, size } = subject;
  const manifest = await putJson(layout, MEDIA.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    artifactType: BILL,
    config: await putBlob(layout, MEDIA.empty, Buffer.from('{}')),
    layers: [await putBlob(layout, BILL, Buffer.from(bill))],
    subject: { mediaType, digest, size },
  });
  const index = await putJson(layout, MEDIA.index, {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: [{ ...manifest, artifactType: BILL }],
  });
  nameManifest(layout, `${name}:${digest.replace(':', '-')}`, index);
}
