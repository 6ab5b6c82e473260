import { expect } from 'chai';
import fc from 'fast-check';
import { MISLEADING_EXPRESSIONS, MISLEADING_PATH } from '../../../mesh/traffic/path-guard.ts';
import { re2Problem } from '../../../mesh/traffic/problems/re2.ts';
import { envoySays, withRoutes } from '../../support/envoy/envoy-validate.ts';
import { EXPRESSIONS } from '../../support/envoy/expressions.ts';

const judge = (regex: string): Promise<string> => envoySays(withRoutes([{ match: { safe_regex: { regex } } }]));

/** Two at a time: each is a process of Envoy, for some 40 ms. */
async function compare(expressions: string[]): Promise<{ wrong: string[]; taken: number }> {
  const wrong: string[] = [];
  let taken = 0;
  const open = [...expressions];
  const worker = async (): Promise<void> => {
    for (let regex = open.pop(); regex !== undefined; regex = open.pop()) {
      const envoy = await judge(regex);
      const ours = re2Problem(regex);
      taken += envoy === '' ? 1 : 0;
      if ((envoy === '') !== (ours === undefined))
        wrong.push(`${JSON.stringify(regex)}: ${ours ?? 'taken'}; Envoy: ${envoy.split('json')[1] ?? 'taken'}`);
    }
  };
  await Promise.all([worker(), worker()]);
  return { wrong, taken };
}

const atom = fc.constantFrom(
  ...['a', 'B', '7', '/', '-', '.', '[a-z]', '[^/]', '[^a-c0-9]', '\\d', '\\W', '\\s', '[[:alpha:]_]', '\\pL', '%2f'],
);
const times = fc.constantFrom('', '', '', '*', '+', '?', '*?', '{3}', '{2,9}', '{4,}', '{30}', '{1001}');
const expression = fc.letrec<{ piece: string; whole: string }>((tie) => ({
  piece: fc.oneof(
    { maxDepth: 3, weight: 4, arbitrary: fc.tuple(atom, times).map(([a, t]) => a + t) },
    { weight: 1, arbitrary: fc.tuple(tie('whole'), times).map(([inner, t]) => `(${inner})${t}`) },
    { weight: 1, arbitrary: fc.tuple(tie('piece'), tie('piece')).map(([a, b]) => `(?i:${a}|${b})`) },
  ),
  whole: fc.array(tie('piece'), { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join('')),
})).whole;

describe('the judgement of regular expressions', function () {
  this.timeout(60_000);

  it('is that of the real Envoy for every construct, right and wrong', async () => {
    const { wrong, taken } = await compare(EXPRESSIONS);
    console.info(`      ${EXPRESSIONS.length} expressions: Envoy takes ${taken}`);
    expect(wrong).to.deep.equal([]);
    expect(taken).to.be.within(60, EXPRESSIONS.length - 60);
  });

  it('is that of the real Envoy for expressions that are drawn at random', async () => {
    const count = Number(process.env['EXPRESSION_RUNS'] ?? 150);
    const drawn = fc.sample(expression, count).map((text) => `/${text}`);
    const { wrong } = await compare(drawn);
    const letIn = wrong.filter((each) => each.includes(': taken;'));
    console.info(`      ${count} drawn: ${letIn.length} wrongly taken, ${wrong.length - letIn.length} wrongly refused`);
    expect(letIn).to.deep.equal([]);
    expect(wrong).to.deep.equal([]);
  });

  it('lets the expressions of our own pass', async () => {
    for (const own of [MISLEADING_PATH, MISLEADING_EXPRESSIONS]) {
      expect(re2Problem(own)).to.equal(undefined);
      expect(await judge(own)).to.equal('');
    }
  });

  it('is made in milliseconds for the largest expressions too', () => {
    const began = process.cpuUsage();
    const many = [`(${'a'.repeat(500)}){1000}`, `(${'[^a]'.repeat(120)}){1000}`, '(((a{99}){99}){99}){99}'];
    for (const text of many) expect(re2Problem(text), text.slice(0, 20)).to.contain('steps');
    expect(re2Problem('a'.repeat(513))).to.contain('512 characters');
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1000).to.be.below(500);
  });
});
