import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeImageArchive } from '../../../../lab/node-image/image-archive.ts';

describe('an archive of images', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'landbridge-archive-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('holds a layer that two images share once, and names every layer by its digest', async () => {
    const [base, top] = ['base', 'top'].map((name) => {
      writeFileSync(join(folder, name), `layer ${name}`);
      return join(folder, name);
    }) as [string, string];
    const digests = await writeImageArchive(
      [
        { names: ['a:1', 'a:2'], layers: [base] },
        { names: ['b:1'], layers: [base, top], entrypoint: ['/b'] },
      ],
      join(folder, 'images.tar'),
      join(folder, 'scratch'),
    );
    const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
    const [below, above] = [sha('layer base'), sha('layer top')];
    expect(digests).to.deep.equal([`sha256:${below}`, `sha256:${above}`]);

    execFileSync('tar', ['-C', folder, '-xf', join(folder, 'images.tar')]);
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Record<string, string>[];
    expect(manifest.map(({ RepoTags, Layers }) => ({ RepoTags, Layers }))).to.deep.equal([
      { RepoTags: ['a:1', 'a:2'], Layers: [`${below}.tar`] },
      { RepoTags: ['b:1'], Layers: [`${below}.tar`, `${above}.tar`] },
    ]);
    expect(readFileSync(join(folder, `${above}.tar`), 'utf8')).to.equal('layer top');
    const config = readFileSync(join(folder, manifest[1]?.Config ?? ''), 'utf8');
    expect(`${sha(config)}.json`).to.equal(manifest[1]?.Config);
    expect(JSON.parse(config)).to.deep.include({
      rootfs: { type: 'layers', diff_ids: [`sha256:${below}`, `sha256:${above}`] },
    });
    expect((JSON.parse(config) as { config: object }).config).to.deep.include({ Entrypoint: ['/b'] });
  });
});
