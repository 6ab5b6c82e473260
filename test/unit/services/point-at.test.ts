import { expect } from 'chai';
import fc from 'fast-check';
import { pointAt } from '../../../services/frontend/point-at.ts';

describe('pointAt', () => {
  it('puts a caret under the character', () => {
    expect(pointAt('2*3', 1)).to.deep.equal(['2*3', ' ^']);
  });

  it('points behind the text when its end is the place', () => {
    expect(pointAt('1+', 2)).to.deep.equal(['1+', '  ^']);
  });

  it('shows only what is near in a long text', () => {
    const [line, caret] = pointAt('1+'.repeat(1000) + '*' + '+1'.repeat(1000), 2000);
    expect(line)
      .to.have.length.below(70)
      .and.match(/^\.\.\..*\.\.\.$/);
    expect(line[caret.length - 1]).to.equal('*');
  });

  it('keeps the caret under its character in any one-line text', () => {
    const placed = fc
      .string({ minLength: 1, unit: 'grapheme-ascii' })
      .chain((text) => fc.tuple(fc.constant(text), fc.nat(text.length - 1)));
    fc.assert(
      fc.property(placed, ([text, position]) => {
        const [line, caret] = pointAt(text, position);
        expect(line[caret.indexOf('^')]).to.equal(text[position]);
      }),
    );
  });

  it('shows line breaks as spaces', () => {
    expect(pointAt('1+\n*', 3)).to.deep.equal(['1+ *', '   ^']);
  });
});
