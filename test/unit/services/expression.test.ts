import { expect } from 'chai';
import fc from 'fast-check';
import { maxDepth, parseExpression } from '../../../services/frontend/expression.ts';
import { runProgram } from '../../../services/frontend/run-program.ts';

async function evaluate(text: string): Promise<number> {
  const parsed = parseExpression(text);
  if ('error' in parsed) throw new Error(`${parsed.error} at ${parsed.position}`);
  return runProgram(parsed.program, async (operator, l, r) => (operator === '+' ? l + r : l - r));
}

describe('parseExpression', () => {
  const good: [string, number][] = [
    ['1+1+2+3+4+5+6-1-2-3-4-5-6+9+8-4-5', 9],
    ['7', 7],
    ['-7', -7],
    ['- 7', -7],
    ['--7', 7],
    ['-(2+3)', -5],
    ['10-3-2', 5],
    ['10-(3-2)', 9],
    ['1 - -1', 2],
    [' ( 1\t+\n2 ) ', 3],
    ['((((4))))', 4],
    ['007', 7],
    ['-0', 0],
  ];
  for (const [text, value] of good) {
    it(`reads ${JSON.stringify(text)} as ${value}`, async () => {
      expect(await evaluate(text)).to.equal(value);
    });
  }

  it('applies operators in the order they are written', async () => {
    const seen: string[] = [];
    const parsed = parseExpression('1+2-(3+4)');
    if ('error' in parsed) throw new Error(parsed.error);
    await runProgram(parsed.program, async (operator, l, r) => {
      seen.push(`${l}${operator}${r}`);
      return operator === '+' ? l + r : l - r;
    });
    expect(seen).to.deep.equal(['1+2', '3+4', '3-7']);
  });

  const bad: [text: string, position: number, says: RegExp][] = [
    ['', 0, /missing at the end/],
    ['   ', 3, /missing at the end/],
    ['1+', 2, /missing at the end/],
    ['1++2', 2, /found "\+"/],
    ['+1', 0, /found "\+"/],
    ['1 2', 2, /expected an operator/],
    ['2*3', 1, /"\*" is not served: .*add-svc.*sub-svc/],
    ['6 / 2', 2, /"\/" is not served/],
    ['(1+*2)', 3, /"\*" is not served/],
    ['1.5', 1, /numbers are whole/],
    ['(1+2', 0, /never closed/],
    ['1+(2', 2, /never closed/],
    ['1+2)', 3, /expected an operator, found "\)"/],
    ['()', 1, /expected a number/],
    ['(1 2)', 3, /an operator or "\)"/],
    ['1+x', 2, /found "x"/],
    ['1+😀', 2, /found "😀"/],
    ['1-9007199254740992', 2, /from -9007199254740991 to 9007199254740991/],
    ['9'.repeat(400), 0, /from -9007199254740991/],
    ['('.repeat(maxDepth + 2), maxDepth + 1, /nested deeper than 100/],
    ['1' + '-'.repeat(4000) + '1', maxDepth + 3, /nested deeper/],
  ];
  for (const [text, position, says] of bad) {
    const shown = text.length > 24 ? `${text.slice(0, 10)}... (${text.length} characters)` : text;
    it(`points at ${position} in ${JSON.stringify(shown)}`, () => {
      const parsed = parseExpression(text);
      expect(parsed).to.have.property('error').that.matches(says);
      expect(parsed).to.have.property('position', position);
    });
  }
});

/** An expression as text, and its value by plain arithmetic. */
const { expression } = fc.letrec<{ expression: [string, number]; term: [string, number] }>((tie) => ({
  expression: fc
    .tuple(tie('term'), fc.array(fc.tuple(fc.constantFrom('+', '-'), tie('term')), { maxLength: 4 }))
    .map(([first, rest]) =>
      rest.reduce<[string, number]>(([text, value], [operator, [more, by]]) => {
        return [`${text} ${operator} ${more}`, operator === '+' ? value + by : value - by];
      }, first),
    ),
  term: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.integer({ min: 0, max: 9999 }).map((value): [string, number] => [String(value), value]),
    tie('expression').map(([text, value]): [string, number] => [`(${text})`, value]),
    tie('term').map(([text, value]): [string, number] => [`-${text}`, -value]),
  ),
}));

describe('laws of parseExpression', () => {
  it('agrees with arithmetic under any white space', async () => {
    const spaced = fc.tuple(expression, fc.constantFrom('', ' ', '\t', '\n  '));
    await fc.assert(
      fc.asyncProperty(spaced, async ([[text, value], space]) => {
        expect(await evaluate(text.replaceAll(' ', space))).to.equal(value === 0 ? 0 : value);
      }),
    );
  });

  it('answers any text with a program or with a place in that text', () => {
    const near = fc.string({
      unit: fc.constantFrom('1', '20', '+', '-', '(', ')', ' ', '*', '/', '.', 'é', '\u0000'),
      maxLength: 30,
    });
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit: 'grapheme' })), (text) => {
        const parsed = parseExpression(text);
        if ('error' in parsed) expect(parsed.position).to.be.within(0, text.length);
        else expect(parsed.program.length).to.be.greaterThan(0);
      }),
    );
  });

  it('points at a strange character or before it, never behind', () => {
    fc.assert(
      fc.property(expression, fc.nat(), fc.constantFrom('*', '/', 'x', '.', '='), ([text], seed, strange) => {
        const at = seed % (text.length + 1);
        const parsed = parseExpression(text.slice(0, at) + strange + text.slice(at));
        expect(parsed).to.have.property('position').that.is.at.most(at);
      }),
    );
  });
});
