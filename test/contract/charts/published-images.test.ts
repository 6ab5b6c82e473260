import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../lab/host/exec.ts';
import { buildImage } from '../../../lab/images/build-image.ts';
import { packTar } from '../../../lab/images/pack-tar.ts';
import {
  type PublishedImages,
  fromPublished,
  holdsImage,
  publishedNames,
  pullPublished,
} from '../../../lab/images/published.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { type Progress, silent } from '../../../lab/progress/progress.ts';
import { MEDIA, beginLayout, endLayout, nameManifest, putJson, putLayer } from '../../../release/images/layout.ts';
import { pushLayout } from '../../../release/registry/push.ts';
import { connectRegistry } from '../../../release/registry/registry.ts';
import { type RealEngine, startDockerEngine } from '../../support/real/docker-engine.ts';
import { type ServedRegistry, serveRegistry } from '../../support/real/registry.ts';

/** Longer than an engine takes to say no, and shorter than the limit of a question. */
const NO_MS = 15_000;

/** A real engine and a real registry on loopback, which has small images by the names of the published ones. */
describe('The published images', function () {
  this.timeout(120_000);
  let folder: string;
  let engine: RealEngine;
  let registry: ServedRegistry;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landbridge-published-'));
    engine = await startDockerEngine();
    registry = await serveRegistry(join(folder, 'registry'));
  });
  after(async () => {
    registry?.stop();
    await engine?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    const images = await engine.docker(['images', '--quiet']);
    if (images !== '') await engine.docker(['rmi', '--force', ...new Set(images.split('\n'))]);
  });

  /** Fills the registry's folder `below` with these of the images; each holds a part of the lab and its own name. */
  async function fill(below: string, which: (keyof PublishedImages)[]): Promise<PublishedImages> {
    const names = publishedNames(`${registry.host}/${below}`);
    const layout = await beginLayout(await mkdtemp(join(folder, 'layout-')));
    for (const one of which) {
      const root = await mkdtemp(join(folder, 'root-'));
      await run('cp', [await ensurePart('pause', silent), join(root, 'program')]);
      await writeFile(join(root, 'name'), `${below} ${one}`);
      const tar = `${root}.tar`;
      await packTar(root, tar);
      const { descriptor, diffId } = await putLayer(layout, tar);
      const rootfs = { type: 'layers', diff_ids: [diffId] };
      const config = { architecture: 'amd64', os: 'linux', config: { Entrypoint: ['/program'] }, rootfs };
      const manifest = {
        schemaVersion: 2,
        mediaType: MEDIA.manifest,
        config: await putJson(layout, MEDIA.config, config),
        layers: [descriptor],
      };
      nameManifest(
        layout,
        names[one].replace(`${registry.host}/`, ''),
        await putJson(layout, MEDIA.manifest, manifest),
      );
    }
    await endLayout(layout);
    await pushLayout(layout.folder, connectRegistry(registry.host, undefined, true));
    return names;
  }
  const layersOf = (name: string): Promise<string> =>
    engine.docker(['image', 'inspect', '--format', '{{json .RootFS.Layers}}', name]);
  const told = (): Progress & { lines: string[] } => {
    const lines: string[] = [];
    const keep = (note = ''): void => void lines.push(note);
    return { ...silent, lines, begin: () => ({ at: keep, startsNow: () => undefined, done: keep, failed: keep }) };
  };

  it('are pulled, and become the images that the cluster runs, with the same layers and nothing built', async () => {
    const names = await fill('whole', ['node', 'envoy', 'consul']);
    const progress = told();
    expect(await pullPublished(engine, progress, names)).to.deep.equal(names);
    expect(progress.lines.at(-1)).to.equal('pulled, so that nothing of theirs is built');
    const tag = 'landbridge/consul:of-a-test';
    expect(await buildImage(engine, fromPublished(tag, names.consul))).to.equal(true);
    expect(await layersOf(tag)).to.equal(await layersOf(names.consul));
    expect(await buildImage(engine, fromPublished(tag, names.consul)), 'the second time').to.equal(false);
  });

  it('are not asked for again by an engine that holds them', async () => {
    const names = await fill('held', ['node', 'envoy', 'consul']);
    await pullPublished(engine, silent, names);
    const progress = told();
    expect(await pullPublished(engine, progress, names)).to.deep.equal(names);
    expect(progress.lines).to.deep.equal([]);
  });

  it('are built in their place when one of them is not there, and none is pulled', async () => {
    const names = await fill('two', ['node', 'envoy']);
    const progress = told();
    expect(await pullPublished(engine, progress, names)).to.equal(undefined);
    expect(progress.lines.at(-1)).to.match(/^cannot be pulled from here, so they are built\. .*consul/);
    expect(await holdsImage(engine, names.node)).to.equal(false);
  });

  it('are built in their place when a pull breaks off', async () => {
    const names = await fill('broken', ['node', 'envoy', 'consul']);
    await run('sh', ['-euc', `find "$1" -name data -size +100k -delete`, 'break', join(folder, 'registry/storage')]);
    const progress = told();
    expect(await pullPublished(engine, progress, names)).to.equal(undefined);
    expect(progress.lines.at(-1)).to.match(/^cannot be pulled from here, so they are built\. \S/);
  });

  it('are built in their place, within seconds, when no registry answers', async () => {
    const begun = performance.now();
    expect(await pullPublished(engine, silent, publishedNames('127.0.0.1:9'))).to.equal(undefined);
    expect(performance.now() - begun).to.be.below(NO_MS);
  });
});
