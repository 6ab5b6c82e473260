import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { bringUpToDate } from '../../../services/build/artefact.ts';
import type { Artefact } from '../../../services/build/artefact.ts';

describe('bringUpToDate', () => {
  let out: string;
  let source: string;
  beforeEach(async () => {
    out = await mkdtemp(join(tmpdir(), 'artefact-'));
    source = join(out, 'source.txt');
    await writeFile(source, 'one');
  });
  afterEach(() => rm(out, { recursive: true }));

  const copying = (change: Partial<Artefact> = {}): Artefact => ({
    name: 'copy',
    sources: [source],
    recipe: ['v1'],
    make: async (folder) => writeFile(join(folder, 'made.txt'), await readFile(source)),
    ...change,
  });
  const made = () => readFile(join(out, 'copy/made.txt'), 'utf8');

  it('makes what is not there', async () => {
    expect(await bringUpToDate(copying(), out)).to.include({ name: 'copy', made: true });
    expect(await made()).to.equal('one');
  });

  it('leaves alone what came from the same sources and recipe', async () => {
    await bringUpToDate(copying(), out);
    const again = await bringUpToDate(copying({ make: () => Promise.reject(new Error('made again')) }), out);
    expect(again.made).to.equal(false);
  });

  it('makes it again when a source or the recipe changes', async () => {
    await bringUpToDate(copying(), out);
    await writeFile(source, 'two');
    expect((await bringUpToDate(copying(), out)).made).to.equal(true);
    expect(await made()).to.equal('two');
    expect((await bringUpToDate(copying({ recipe: ['v2'] }), out)).made).to.equal(true);
  });

  it('keeps what is there when making fails, and leaves no draft behind', async () => {
    await bringUpToDate(copying(), out);
    const breaking = copying({ recipe: ['v2'], make: () => Promise.reject(new Error('no compiler')) });
    const failure = await bringUpToDate(breaking, out).catch((error: Error) => error);
    expect(failure).to.have.property('message', 'no compiler');
    expect(await made()).to.equal('one');
    expect(await readdir(out)).to.have.members(['copy', 'source.txt']);
  });

  it('fails on a source that does not exist', async () => {
    const failure = await bringUpToDate(copying({ sources: [join(out, 'gone')] }), out).catch((error: Error) => error);
    expect(failure)
      .to.have.property('message')
      .that.matches(/ENOENT.*gone/);
  });
});
