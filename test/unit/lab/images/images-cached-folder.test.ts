import { expect } from 'chai';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { ensureCachedFolder, type Recipe } from '../../../../lab/images/cached-folder.ts';
import { silent } from '../../../../lab/progress/progress.ts';

describe('a cached folder', () => {
  const before = process.env.LANDBRIDGE_CACHE;
  let cache: string;
  let made: number;

  const recipe = (from: string[], fill?: Recipe['fill']): Recipe => ({
    name: 'thing',
    from,
    doing: 'making',
    fill: async (folder, task) => {
      made += 1;
      await (fill ?? ((draft) => writeFile(join(draft, 'file'), from.join())))(folder, task);
    },
  });

  beforeEach(async () => {
    made = 0;
    cache = await mkdtemp(join(tmpdir(), 'landbridge-test-'));
    process.env.LANDBRIDGE_CACHE = cache;
  });

  afterEach(async () => {
    if (before === undefined) delete process.env.LANDBRIDGE_CACHE;
    else process.env.LANDBRIDGE_CACHE = before;
    await rm(cache, { recursive: true });
  });

  it('is made once, also when it is asked for twice at the same time', async () => {
    const both = [ensureCachedFolder(recipe(['a']), silent), ensureCachedFolder(recipe(['a']), silent)];
    const [one, other] = await Promise.all(both);
    expect(one).to.equal(other);
    expect(made).to.equal(1);
    expect(await readFile(join(one ?? '', 'file'), 'utf8')).to.equal('a');
  });

  it('is another one for another recipe', async () => {
    const one = await ensureCachedFolder(recipe(['a', 'b']), silent);
    expect(await ensureCachedFolder(recipe(['ab']), silent)).not.to.equal(one);
    expect(made).to.equal(2);
  });

  it('is not there when making it failed, and is made from nothing the next time', async () => {
    const failing = recipe(['a'], async (draft) => {
      await writeFile(join(draft, 'half'), '');
      throw new Error('the network went away');
    });
    const failure = await ensureCachedFolder(failing, silent).catch((error: Error) => error.message);
    expect(failure).to.equal('the network went away');
    const folder = await ensureCachedFolder(recipe(['a']), silent);
    expect(await readdir(folder)).to.deep.equal(['file']);
    expect((await readdir(dirname(folder))).filter((name) => name.endsWith('.lock'))).to.deep.equal([]);
  });
});
