import { expect } from 'chai';
import type { Finding } from '../../../bench/measure.ts';
import { growthPlot } from '../../../bench/plot.ts';

const flip = (n: number, ms: number): Finding => ({
  measure: 'flip',
  parameters: `N = ${n}`,
  n,
  unit: 'ms',
  samples: [ms],
});

const corners = (svg: string): number[][][] =>
  [...svg.matchAll(/points="([^"]*)"/g)].map((match) =>
    match[1]!.split(' ').map((pair) => pair.split(',').map(Number)),
  );

describe('the plot of growth', () => {
  it('draws a line a percentile through the sizes in their order, larger to the right and slower upwards', () => {
    const lines = corners(growthPlot([flip(1000, 100), flip(10, 1), flip(100, 10)], 'title'));
    expect(lines).to.have.length(2);
    const [first, second, third] = lines[0]!;
    expect([first![0]! < second![0]!, second![0]! < third![0]!]).to.deep.equal([true, true]);
    expect([first![1]! > second![1]!, second![1]! > third![1]!]).to.deep.equal([true, true]);
    // Ten times as much is one step on both axes, wherever it is.
    expect(second![0]! - first![0]!).to.be.closeTo(third![0]! - second![0]!, 0.2);
    expect(second![1]! - first![1]!).to.be.closeTo(third![1]! - second![1]!, 0.2);
  });

  it('puts seconds and milliseconds on one axis', () => {
    const seconds: Finding = { ...flip(10, 0.05), measure: 'rise', unit: 's' };
    const lines = corners(growthPlot([flip(10, 50), seconds], 'title'));
    expect(lines[0]).to.deep.equal(lines[2]);
  });

  it('leaves out figures without a time or a size, and is empty when nothing is left', () => {
    const calls: Finding = { ...flip(10, 1), unit: 'calls' };
    const bare: Finding = { ...flip(10, 1), n: undefined };
    expect(growthPlot([calls, bare], 'title')).to.equal('');
  });
});
