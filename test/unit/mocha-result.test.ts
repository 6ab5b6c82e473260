import { expect } from 'chai';
import { resultOf } from '../mocha-result.ts';

describe('the result of a run of mocha', () => {
  it('has the counts that mocha printed', () => {
    expect(resultOf('  a suite\n    ✔ works\n\n\n  12 passing (3s)\n', 0)).to.deep.equal({
      passed: 12,
      failed: 0,
      said: undefined,
    });
  });

  it('has the words about failures, and nothing from before them', () => {
    const output = '\n  1 passing (3s)\n  2 failing\n\n  1) a suite\n       breaks:\n     Error: no\n';
    expect(resultOf(output, 2)).to.deep.equal({
      passed: 1,
      failed: 2,
      said: '1) a suite\n       breaks:\n     Error: no',
    });
  });

  it('counts a skipped test as failed', () => {
    expect(resultOf('  5 passing (1s)\n  2 pending\n', 0)).to.deep.equal({ passed: 5, failed: 2, said: '2 skipped' });
  });

  it('counts a run as failed that has no test, or that ended badly after its tests', () => {
    expect(resultOf('  0 passing (1ms)\n', 0)).to.deep.equal({ passed: 0, failed: 1, said: 'ended with 0' });
    expect(resultOf('', 1)).to.deep.equal({ passed: 0, failed: 1, said: 'ended with 1' });
    expect(resultOf('  5 passing (1s)\n', 124)).to.deep.equal({ passed: 5, failed: 1, said: 'ended with 124' });
  });

  it('takes the last counts of several runs, which are the sum', () => {
    const output = '  3 passing (1s)\n  1 failing\n\n  1) x\n\n  7 passing\n  1 failing\n\nfile:\n1) x\n';
    expect(resultOf(output, 1)).to.deep.equal({ passed: 7, failed: 1, said: 'file:\n1) x' });
  });
});
