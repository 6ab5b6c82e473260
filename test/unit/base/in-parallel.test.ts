import { expect } from 'chai';
import { inParallel } from '../../../base/in-parallel.ts';

describe('inParallel', () => {
  it('runs at most so many at a time, starts them in order, and gives the results in the order of the items', async () => {
    const started: number[] = [];
    let running = 0;
    let most = 0;
    const results = await inParallel([5, 1, 4, 2, 3], 2, async (item) => {
      started.push(item);
      most = Math.max(most, ++running);
      for (let turn = 0; turn < item; turn++) await Promise.resolve();
      running--;
      return item * 10;
    });
    expect(results).to.deep.equal([50, 10, 40, 20, 30]);
    expect(started).to.deep.equal([5, 1, 4, 2, 3]);
    expect(most).to.equal(2);
  });

  it('gives nothing for no items', async () => {
    expect(await inParallel([], 3, async () => expect.fail('nothing is to be run'))).to.deep.equal([]);
  });
});
