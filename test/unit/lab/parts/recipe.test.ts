import { expect } from 'chai';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Part } from '../../../../lab/parts/part.ts';
import { digestOfFolder, partFolder, pythonDirectory } from '../../../../lab/parts/recipe.ts';
import { parts, partWith } from '../../../../lab/parts/table.ts';

const wheel: Part = {
  name: 'thing',
  version: '1.2.3',
  coldSeconds: 1,
  doing: 'downloading',
  source: {
    from: 'wheel',
    requirement: 'thing==1.2.3',
    platform: 'p',
    sha256: 'aa',
    member: 'bin/thing',
    to: 'bin/thing',
  },
  files: { thing: 'bin/thing' },
};
const root: Part = { ...wheel, source: { from: 'debian', variant: 'minbase', packages: ['curl'] } };

describe("a part's folder in the cache", () => {
  it('is the same for the same recipe', () => {
    expect(partFolder(wheel, 'bookworm')).to.equal(partFolder(structuredClone(wheel), 'bookworm'));
    expect(partFolder(wheel, 'bookworm')).to.match(/^thing-1\.2\.3-[0-9a-f]{12}$/);
  });

  it('is another for another source, and not for other words on the progress line', () => {
    const changed = { ...wheel, source: { ...wheel.source, sha256: 'bb' } as Part['source'] };
    expect(partFolder(changed, 'bookworm')).not.to.equal(partFolder(wheel, 'bookworm'));
    expect(partFolder({ ...wheel, doing: 'fetching' }, 'bookworm')).to.equal(partFolder(wheel, 'bookworm'));
  });

  it('is another on another Debian release only where Debian packages, or packages for its Python, are in it', () => {
    expect(partFolder(root, 'trixie')).not.to.equal(partFolder(root, 'bookworm'));
    expect(partFolder(wheel, 'trixie')).to.equal(partFolder(wheel, 'bookworm'));
    const { part: python } = partWith('schemathesis');
    expect(partFolder(python, 'trixie')).not.to.equal(partFolder(python, 'bookworm'));
  });
});

describe('the digest of a folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'landbridge-recipe-'));
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'a'), 'one');
    writeFileSync(join(folder, 'sub', 'b'), 'two');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('changes with a content, a name, and a file below', () => {
    const seen = [digestOfFolder(folder)];
    writeFileSync(join(folder, 'a'), 'ONE');
    seen.push(digestOfFolder(folder));
    writeFileSync(join(folder, 'sub', 'b'), 'TWO');
    seen.push(digestOfFolder(folder));
    writeFileSync(join(folder, 'sub', 'c'), '');
    seen.push(digestOfFolder(folder));
    expect(new Set(seen).size).to.equal(4);
  });

  it('keeps apart what one file ends with from what the next begins with', () => {
    const before = digestOfFolder(folder);
    writeFileSync(join(folder, 'a'), `one${'sub/b'}\0`);
    expect(digestOfFolder(folder)).not.to.equal(before);
  });
});

describe('the table of parts', () => {
  it('gives every file one part', () => {
    const names = parts.flatMap((part) => Object.keys(part.files));
    expect(names).to.deep.equal([...new Set(names)]);
    expect(partWith('kube-apiserver').part.name).to.equal('kubernetes');
    expect(partWith('kubernetes').file).to.equal(undefined);
    expect(() => partWith('docker')).to.throw('no part is called docker');
  });

  it('pins whatever is downloaded by its digest', () => {
    for (const { name, source } of parts) {
      if (source.from === 'wheel') expect(source.sha256, name).to.match(/^[0-9a-f]{64}$/);
      if (source.from === 'go-module') expect(source.sum, name).to.match(/^h1:[A-Za-z0-9+/]{43}=$/);
      if (source.from === 'python') {
        const text = readFileSync(join(pythonDirectory, source.requirements), 'utf8');
        const lines = text.replaceAll('\\\n', '').split('\n');
        for (const line of lines.filter((one) => one !== '' && !one.startsWith('#')))
          expect(line, name).to.match(/^[a-z0-9._-]+==[0-9][a-z0-9.]*( +--hash=sha256:[0-9a-f]{64})+$/i);
      }
      if (source.from === 'npm') expect(source.integrity, name).to.match(/^sha512-[A-Za-z0-9+/]{86}==$/);
    }
  });
});
