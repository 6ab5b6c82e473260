import { expect } from 'chai';
import fc from 'fast-check';
import { createBackoff } from '../../../base/backoff.ts';

describe('back-off', () => {
  it('stays between half of each doubling step and the step, capped at 5 s by default', () => {
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 40 }), (randoms) => {
        let turn = 0;
        const backoff = createBackoff({ random: () => randoms[turn]! });
        for (turn = 0; turn < randoms.length; turn++) {
          const step = Math.min(5000, 200 * 2 ** turn);
          expect(backoff.next()).to.be.within(step / 2, step);
        }
      }),
    );
  });

  it('starts over after a reset', () => {
    const backoff = createBackoff({ random: () => 0 });
    expect([backoff.next(), backoff.next(), backoff.next()]).to.deep.equal([100, 200, 400]);
    backoff.reset();
    expect(backoff.next()).to.equal(100);
  });
});
