import { readFileSync, readdirSync } from 'node:fs';
import { expect } from 'chai';
import { afterChecks } from '../../cli/check/after.ts';
import { beforeChecks } from '../../cli/check/before.ts';
import { REASONS } from '../../crds/reasons.ts';

const text = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8');
/** As GitHub makes anchors of headings. */
const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
  heading!
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-'),
);

describe('docs/troubleshooting.md', () => {
  for (const reason of Object.keys(REASONS)) {
    it(`has a heading for the reason ${reason}`, () => expect(anchors).to.include(reason.toLowerCase()));
  }
  for (const { name, hint } of [...beforeChecks(true), ...afterChecks]) {
    it(`has the heading that the check "${name}" points to`, () => expect(anchors).to.include(hint));
  }
});

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
/** Pages for readers. The records in docs/adr keep what was known on their day. */
const pages = readdirSync(new URL('docs/', root)).filter((name) => name.endsWith('.md'));

describe('docs/README.md', () => {
  const index = read('docs/README.md');
  const pointsAt = (target: string): boolean => index.includes(`](${target}`);

  it('leads to every page', () => {
    expect(pages.filter((name) => name !== 'README.md' && !pointsAt(name))).to.deep.equal([]);
  });

  it('leads to every example', () => {
    const examples = readdirSync(new URL('examples/', root), { withFileTypes: true }).filter((one) =>
      one.isDirectory(),
    );
    expect(examples.map(({ name }) => name).filter((name) => !pointsAt(`../examples/${name}/`))).to.deep.equal([]);
  });

  it('says one task a line, each with a page', () => {
    const rows = [...index.matchAll(/^\| (.+?) \| (.+?) \|/gm)].filter(([, task]) => task !== 'I want to');
    expect(rows.length).to.be.greaterThan(30);
    for (const [row, , page] of rows) expect(page, row).to.match(/\]\(/);
  });
});

describe('dated figures', () => {
  for (const name of pages.filter((page) => !['measured.md', 'benchmarks.md'].includes(page)))
    it(`are not in docs/${name}, but in docs/measured.md and docs/benchmarks.md`, () =>
      expect(read(`docs/${name}`)).not.to.match(/\b20\d\d-[01]\d-[0-3]\d\b/));
});
