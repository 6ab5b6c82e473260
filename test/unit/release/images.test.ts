import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { packTar } from '../../../lab/images/pack-tar.ts';
import { billOfImage, debianComponent, githubComponent } from '../../../release/images/bill.ts';
import { runtimeConfig } from '../../../release/images/dockerfile.ts';
import {
  MEDIA,
  beginLayout,
  blobPath,
  endLayout,
  nameManifest,
  putJson,
  putLayer,
} from '../../../release/images/layout.ts';

const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

describe('the images of a release', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landbridge-test-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are named by what they hold: each blob has the digest and the size that its descriptor says', async () => {
    await writeFile(join(folder, 'file'), 'content');
    await packTar(folder, join(folder, 'layer.tar'), ['file']);
    const layout = await beginLayout(join(folder, 'oci'));
    const { descriptor, diffId } = await putLayer(layout, join(folder, 'layer.tar'));
    nameManifest(
      layout,
      'landbridge/landbridge:1.2.3',
      await putJson(layout, MEDIA.manifest, { layers: [descriptor] }),
    );
    await endLayout(layout);
    const blobs = await readdir(join(layout.folder, 'blobs/sha256'));
    expect(blobs).to.have.length(2);
    for (const name of blobs)
      expect(sha256(await readFile(join(layout.folder, 'blobs/sha256', name)))).to.equal(`sha256:${name}`);
    const packed = await readFile(blobPath(layout.folder, descriptor.digest));
    expect(packed.length).to.equal(descriptor.size);
    expect(sha256(gunzipSync(packed))).to.equal(diffId);
    // The same files give the same image, whenever and by whomever it is made.
    expect((await putLayer(layout, join(folder, 'layer.tar'))).descriptor).to.deep.equal(descriptor);
  });

  it('run as the Dockerfile says', async () => {
    const config = runtimeConfig(await readFile(new URL('../../../Dockerfile', import.meta.url), 'utf8'));
    expect(config).to.deep.include({
      User: '65532:65532',
      Entrypoint: ['/usr/local/bin/node', '/app/landbridge.mjs'],
      Labels: { 'org.opencontainers.image.title': 'Landbridge', 'org.opencontainers.image.licenses': 'Apache-2.0' },
    });
    expect(config.Env).to.include('NODE_ENV=production');
    expect(() => runtimeConfig('FROM scratch AS other\n')).to.throw('no stage called runtime');
  });

  it('have a bill that names the packages of Debian and the programs beside those of npm', () => {
    const libc = debianComponent('libc6_2.36-9%2bdeb12u14_arm64.deb', 'bookworm');
    expect(libc.purl).to.equal('pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=arm64&distro=bookworm');
    expect(libc.version).to.equal('2.36-9+deb12u14');
    const program = JSON.stringify({ bomFormat: 'CycloneDX', metadata: {}, components: [{ name: 'zod' }] });
    const bill = JSON.parse(
      billOfImage(program, { name: 'landbridge/bridge', version: '1.2.3' }, [
        githubComponent('envoyproxy/envoy', '1.40.0'),
        libc,
      ]),
    ) as { components: { name: string }[]; metadata: object };
    expect(bill.components.map(({ name }) => name)).to.deep.equal(['envoy', 'libc6', 'zod']);
    expect(bill.metadata).to.deep.equal({
      component: { type: 'container', name: 'landbridge/bridge', version: '1.2.3' },
    });
  });
});
