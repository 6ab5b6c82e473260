import { expect } from 'chai';
import fc from 'fast-check';
import {
  AT_ONCE,
  type Contest,
  LONGEST_PAUSE_MS,
  QUIET_MS,
  changedAgain,
  isContested,
  pauseMs,
} from '../../../../mesh/foreign/contest.ts';

const after = (times: number[]): Contest | undefined =>
  times.reduce<Contest | undefined>((contest, ms) => changedAgain(contest, ms), undefined);

describe('a contest about a config entry', () => {
  it('puts the first five changes right at once, and then waits 1, 2, 4 and 5 s', () => {
    const pauses = Array.from({ length: 10 }, (_, count) => pauseMs(after(Array(count).fill(1000)), 1000));
    expect(pauses).to.deep.equal([0, 0, 0, 0, 0, 1000, 2000, 4000, 5000, 5000]);
  });

  it('begins with the sixth change, and is over after a minute without one', () => {
    const contest = after(Array(AT_ONCE + 1).fill(1000))!;
    expect(isContested(after(Array(AT_ONCE).fill(1000))!, 1000)).to.equal(false);
    expect(isContested(contest, 1000)).to.equal(true);
    expect(isContested(contest, 1001 + QUIET_MS)).to.equal(false);
    expect(pauseMs(contest, 1001 + QUIET_MS)).to.equal(0);
    expect(changedAgain(contest, 1001 + QUIET_MS)).to.deep.equal({ count: 1, lastMs: 1001 + QUIET_MS });
  });

  it('does not begin when somebody changes the entry once in two minutes, for days', () => {
    const contest = after(Array.from({ length: 1000 }, (_, turn) => turn * 120_000))!;
    expect(isContested(contest, contest.lastMs)).to.equal(false);
    expect(pauseMs(contest, contest.lastMs)).to.equal(0);
  });

  it('never keeps a change waiting longer than the bound', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { maxLength: 50 }), fc.nat(200_000), (steps, later) => {
        let ms = 0;
        const contest = after(steps.map((step) => (ms += step)));
        expect(pauseMs(contest, ms + later)).to.be.within(0, LONGEST_PAUSE_MS);
      }),
    );
  });
});
