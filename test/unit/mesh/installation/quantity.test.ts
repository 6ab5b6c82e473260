import { expect } from 'chai';
import fc from 'fast-check';
import { sum } from '../../../../mesh/installation/quantity.ts';

describe('a sum of amounts', () => {
  const sums: [string, string, string][] = [
    ['100m', '10m', '110m'],
    ['0.5', '10m', '510m'],
    ['990m', '10m', '1'],
    ['128Mi', '32Mi', '160Mi'],
    ['1G', '32Mi', '1033554432'],
    ['1Gi', '1Mi', '1025Mi'],
    ['1e3', '24', '1Ki'],
    ['1.5Gi', '512Mi', '2Gi'],
    ['12E', '1', '12000000000000000001'],
    ['1E3', '0', '1000'],
    ['100u', '1m', '1100u'],
    ['+2', '1', '3'],
    ['.5', '1', '1500m'],
    ['ten', '1', 'undefined'],
  ];
  for (const [a, b, expected] of sums) {
    it(`of ${a} and ${b} is ${expected}`, () => expect(String(sum(a, b))).to.equal(expected));
  }

  it('taken away again leaves what there was', () => {
    const amount = fc
      .tuple(fc.integer({ min: 0, max: 9999 }), fc.constantFrom('', 'm', 'k', 'Ki', 'Mi', 'M', 'Gi', 'G'))
      .map(([number, suffix]) => `${number}${suffix}`);
    fc.assert(
      fc.property(amount, amount, (a, b) => {
        expect(sum(sum(a, b)!, b, -1)).to.equal(sum(a, '0'));
      }),
    );
  });
});
