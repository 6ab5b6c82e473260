import { expect } from 'chai';
import { didYouMean, nearName } from '../../../mesh/near-name.ts';

describe('nearName', () => {
  const cases: [string, string[], string | undefined][] = [
    ['ofen', ['oven', 'till'], 'oven'],
    ['acess', ['access', 'port'], 'access'],
    ['matchlabels', ['matchLabels'], 'matchLabels'],
    ['add-svc', ['sub-svc'], undefined],
    ['frontned', ['frontend'], 'frontend'],
    ['db', ['dc'], 'dc'],
    ['db', ['xy'], undefined],
    ['oven', ['oven'], undefined],
    ['v1', ['v2', 'v10'], 'v2'],
    ['', ['a'], undefined],
  ];
  for (const [name, candidates, near] of cases)
    it(`${near === undefined ? 'finds nothing near' : `finds ${near} for`} "${name}" in ${candidates.join(', ')}`, () =>
      expect(nearName(name, candidates)).to.equal(near));

  it('asks in a form that a sentence can end with', () => {
    expect(didYouMean('ofen', ['oven'])).to.equal('; did you mean "oven"?');
    expect(didYouMean('ofen', [])).to.equal('');
  });
});
