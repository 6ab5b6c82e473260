import { expect } from 'chai';
import { verdictOf } from '../../../bench/measure.ts';
import { summarise } from '../../../bench/summary.ts';
import { tableOf } from '../../../bench/table.ts';

const oneToHundred = Array.from({ length: 100 }, (_, index) => index + 1).reverse();

describe('the summary of samples', () => {
  it('gives percentiles that were seen, for samples in any order', () => {
    expect(summarise(oneToHundred)).to.deep.equal({ count: 100, p50: 50, p99: 99, max: 100 });
    expect(summarise([7])).to.deep.equal({ count: 1, p50: 7, p99: 7, max: 7 });
  });

  it('leaves the samples as they are', () => {
    const samples = [3, 1, 2];
    summarise(samples);
    expect(samples).to.deep.equal([3, 1, 2]);
  });

  it('says nothing about nothing', () => {
    expect(() => summarise([])).to.throw('at least one sample');
  });
});

describe('the verdict on a finding', () => {
  it('is ok only when every limit of the bar holds', () => {
    expect(verdictOf({ samples: oneToHundred, bar: { p50: 50, p99: 99, max: 100 } })).to.equal('ok');
    expect(verdictOf({ samples: oneToHundred, bar: { p50: 50, p99: 98 } })).to.equal('short');
    expect(verdictOf({ samples: oneToHundred, bar: { p50: 49, p99: 99 } })).to.equal('short');
    expect(verdictOf({ samples: [1, 2], bar: { max: 1 } })).to.equal('short');
  });

  it('is silent for a measure without a bar', () => {
    expect(verdictOf({ samples: [1_000_000] })).to.equal('');
  });
});

describe('the table of findings', () => {
  it('is Markdown with one line a finding, its bar and its verdict', () => {
    const table = tableOf([
      { measure: 'm', parameters: 'N = 5', unit: 'ms', samples: [1, 20.04, 300.4], bar: { p99: 60 }, peer: '477' },
      { measure: 'm', parameters: 'N = 9', unit: 'calls', samples: [1] },
    ]);
    const cells = table.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
    expect(cells).to.have.length(4);
    expect(cells[2]).to.deep.equal([
      '',
      'm',
      'N = 5',
      'ms',
      '3',
      '20.0',
      '300',
      '300',
      'p99 <= 60',
      'short',
      '477',
      '',
    ]);
    expect(cells[3]).to.deep.equal(['', 'm', 'N = 9', 'calls', '1', '1', '1', '1', '', '', '', '']);
  });
});
