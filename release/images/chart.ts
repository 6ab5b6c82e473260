import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { type Layout, MEDIA, nameManifest, putBlob, putJson } from './layout.ts';

const CONFIG = 'application/vnd.cncf.helm.config.v1+json';
const CONTENT = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';

/** Puts Helm's chart into the layout, as `helm push` makes it (https://helm.sh/docs/topics/registries/). */
export async function putChart(
  layout: Layout,
  { directory, archive, created }: { directory: string; archive: string; created: string },
): Promise<void> {
  const chart = load(await readFile(join(directory, 'Chart.yaml'), 'utf8')) as { version: string; description: string };
  const manifest = await putJson(layout, MEDIA.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: await putJson(layout, CONFIG, chart),
    layers: [await putBlob(layout, CONTENT, await readFile(archive))],
    annotations: {
      'org.opencontainers.image.title': 'landbridge',
      'org.opencontainers.image.description': chart.description,
      'org.opencontainers.image.version': chart.version,
      'org.opencontainers.image.created': created,
    },
  });
  nameManifest(layout, `charts/landbridge:${chart.version}`, manifest);
}
