import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';

/** Constructions that have to be read twice. A finding is a place to look at, not always a fault. */
const TWICE = [
  /(?:^|[.:;]\s+|[,(]\s*)(?:and |but |that |so |for |since )?(?:what|who|whoever|whatever)\s+(?!to\b|for\b|happens\b)\w+/i,
  /\b(?:is|are|was|were) (?:none|no (?!more|longer|one|such)\w+)/,
  /\b(?:anew|once more|no more\b|any more)\b/,
  /\b(?:by way of|for want of)\b/,
  /(?:^|[.:]\s+)(?:Of|By)\s+\w+[^.]{0,60}\./,
  /\b(?:is|are|was|were|be|been) (?:told|heard|forgiven|taken for|let in|let go)\b/,
  /\b(?:those that|that which|thereof)\b/,
  /\b(?:of then|of before|from then on)\b/,
  /\bshall\b/,
];
const MAX_SHARE = 0.02;

const root = new URL('../../', import.meta.url);
const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => /\.(md|ts|go|java)$/.test(file))
  // Generated from sentences that are read elsewhere, or this list.
  .filter((file) => !/^docs\/cli\.md|golden|plain-english/.test(file));

/** Lines of a page without code and tables' rules. */
function linesOf(text: string): string[] {
  let isCode = false;
  return text.split('\n').filter((line) => {
    if (line.startsWith('```')) isCode = !isCode;
    return line.trim() !== '' && !isCode && !/^( {4}|\|---|```)/.test(line);
  });
}

/** Comments, and the texts of tests and messages. */
function sentencesOf(text: string): string[] {
  const blocks = [...text.matchAll(/\/\*\*?([\s\S]*?)\*\//g)].map(([, body = '']) => body.replace(/\n\s*\*\s?/g, ' '));
  const lines = [...text.matchAll(/(?:^|\s)\/\/\s(.*)/g)].map(([, body = '']) => body);
  const texts = [...text.matchAll(/\b(?:it|describe|Error|Problem|Refusal|description)\((['`"])(.{12,}?)\1/g)];
  return [...blocks, ...lines, ...texts.map(([, , body = '']) => body)].map((body) => body.trim());
}

const findings = (file: string): { count: number; found: string[] } => {
  const text = readFileSync(new URL(file, root), 'utf8');
  const sentences = file.endsWith('.md') ? linesOf(text) : sentencesOf(text);
  const found = sentences.filter((sentence) => TWICE.some((rule) => rule.test(sentence)));
  return { count: sentences.length, found: found.map((sentence) => `${file}: ${sentence.slice(0, 120)}`) };
};

describe('the English of this repository', () => {
  it('has constructions that are read twice in at most two sentences of a hundred', () => {
    const all = files.map(findings);
    const count = all.reduce((sum, one) => sum + one.count, 0);
    const found = all.flatMap((one) => one.found);
    expect(count, 'sentences').to.be.greaterThan(5000);
    expect(found.length / count, `${found.length} of ${count}:\n${found.slice(0, 40).join('\n')}`).to.be.at.most(
      MAX_SHARE,
    );
  });

  it('has none of them in the pages that a newcomer reads first', () => {
    expect(['README.md', 'CONTRIBUTING.md', 'SECURITY.md'].flatMap((file) => findings(file).found)).to.deep.equal([]);
  });

  it('has none of them in the help of the program', () => {
    // Wrapped lines of one command or option are one sentence.
    const texts = readFileSync(new URL('docs/cli.md', root), 'utf8').split(/\n\s*\n|\n(?= {2}-)|```/);
    const sentences = texts.map((text) => text.replace(/\s+/g, ' ').trim()).filter((text) => text !== '');
    expect(sentences.length, 'sentences').to.be.greaterThan(200);
    expect(sentences.filter((text) => TWICE.some((rule) => rule.test(text)))).to.deep.equal([]);
  });
});
