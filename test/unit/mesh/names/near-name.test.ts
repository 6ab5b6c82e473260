import { expect } from 'chai';
import { didYouMean, distanceWithin, nearName } from '../../../../mesh/names/near-name.ts';

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

  it('finds the distance of short words as the whole table would, and nothing that is farther', () => {
    const words = [''];
    for (let length = 1; length <= 5; length += 1)
      for (const word of words.filter((each) => each.length === length - 1)) words.push(`${word}a`, `${word}b`);
    for (const a of words)
      for (const b of words) {
        const whole = wholeDistance(a, b);
        for (const most of [0, 1, 2])
          expect(distanceWithin(a, b, most), `${a} ${b} ${most}`).to.equal(whole > most ? Infinity : whole);
      }
  });

  it('reads few letters of a long name, and none of one whose length is too different', () => {
    const counted = (word: string) => {
      const counts = { reads: 0 };
      const get = (target: string[], key: string): unknown => {
        if (/^\d+$/.test(key)) counts.reads += 1;
        return Reflect.get(target, key);
      };
      return { counts, letters: new Proxy([...word], { get } as ProxyHandler<string[]>) };
    };
    const same = counted('x'.repeat(60));
    expect(distanceWithin(same.letters, `${'x'.repeat(59)}y`, 2)).to.equal(1);
    expect(same.counts.reads, 'five cells in a row').to.be.below(60 * 5 * 3);
    const other = counted('x'.repeat(60));
    expect(distanceWithin(other.letters, 'y'.repeat(60), 2)).to.equal(Infinity);
    expect(other.counts.reads, 'a few rows').to.be.below(60);
    const short = counted('x'.repeat(60));
    expect(distanceWithin(short.letters, 'x'.repeat(57), 2)).to.equal(Infinity);
    expect(short.counts.reads).to.equal(0);
  });
});

/** The definition itself: https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance#Optimal_string_alignment_distance */
function wholeDistance(a: string, b: string): number {
  const table = [...a, ''].map((_, i) => [...b, ''].map((_, j) => (i === 0 ? j : j === 0 ? i : 0)));
  for (let i = 1; i <= a.length; i += 1)
    for (let j = 1; j <= b.length; j += 1) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      table[i]![j] = Math.min(
        table[i - 1]![j]! + 1,
        table[i]![j - 1]! + 1,
        table[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
        swapped ? table[i - 2]![j - 2]! + 1 : Infinity,
      );
    }
  return table[a.length]![b.length]!;
}
