import { expect } from 'chai';
import { readOptions } from '../../../bench/options.ts';
import { FULL, QUICK } from '../../../bench/scale.ts';

const MEASURES = ['one', 'two', 'three'];

describe('the options of the benchmarks', () => {
  it('are the whole table by default, kept in files', () => {
    const rest = { json: 'dist/bench.json', plot: 'dist/bench.svg', strict: false, program: undefined };
    expect(readOptions([], MEASURES)).to.deep.equal({ scale: FULL, quick: false, only: MEASURES, ...rest });
  });

  it('take fewer measures in the order of the table', () => {
    expect(readOptions(['--only', 'three,one'], MEASURES).only).to.deep.equal(['one', 'three']);
  });

  it('take sizes for either scale', () => {
    expect(readOptions(['--sizes', '7,9'], MEASURES).scale).to.deep.equal({ ...FULL, sizes: [7, 9] });
    expect(readOptions(['--quick', '--sizes=7'], MEASURES).scale).to.deep.equal({ ...QUICK, sizes: [7] });
  });

  it('take a number of MeshServices for either scale', () => {
    expect(readOptions(['--mesh-services', '80'], MEASURES).scale).to.deep.equal({ ...FULL, meshServices: 80 });
    for (const many of ['3', 'many', '1.5'])
      expect(() => readOptions([`--mesh-services=${many}`], MEASURES), many).to.throw('want a number of at least 4');
  });

  it('are refused in one sentence where they are not understood', () => {
    expect(() => readOptions(['--only', 'four'], MEASURES)).to.throw(
      'unknown measure "four"; choose among one, two, three',
    );
    for (const sizes of ['0', 'ten', '10,', '-3', '1.5']) {
      expect(() => readOptions([`--sizes=${sizes}`], MEASURES), sizes).to.throw('want numbers of pods');
    }
    expect(() => readOptions(['--fast'], MEASURES)).to.throw("Unknown option '--fast'");
  });
});
