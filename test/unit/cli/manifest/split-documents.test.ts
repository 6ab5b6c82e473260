import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { jsonText } from '../../../../cli/manifest/edited-text.ts';
import type { Value } from '../../../../cli/manifest/parse-document.ts';
import { splitDocuments } from '../../../../cli/manifest/split-documents.ts';

/** Texts and the JSON that kubectl's own reader makes of them; test/contract/cli/kubectl-reading.test.ts asks kubectl itself. */
const READ_BY_KUBECTL = JSON.parse(readFileSync(new URL('read-by-kubectl.json', import.meta.url), 'utf8')) as {
  text: string;
  read?: string;
  refused?: true;
}[];

const sorted = (value: Value): Value =>
  Array.isArray(value)
    ? value.map(sorted)
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .map(([key, inner]) => [key, sorted(inner)] as const)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : value;

const read = (text: string): string => jsonText(splitDocuments(text).map(({ root }) => sorted(root.value)));

describe('splitDocuments', () => {
  for (const { text, read: wanted, refused } of READ_BY_KUBECTL) {
    const shown = JSON.stringify(text);
    if (refused) it(`refuses ${shown}, as kubectl does`, () => expect(() => read(text)).to.throw());
    else it(`reads ${shown} as kubectl does`, () => expect(read(text)).to.equal(wanted));
  }

  it('says where each document begins, comments before it left out', () => {
    const documents = splitDocuments('# a\n\n---\n# b\nkind: A\n---\n\nkind: B\n');
    expect(documents.map(({ line }) => line)).to.deep.equal([5, 8]);
  });

  it('says the line of a mistake in the whole file', () => {
    expect(() => splitDocuments('a: 1\n---\nb: [\n'))
      .to.throw()
      .with.property('line')
      .that.is.within(3, 4);
    expect(() => splitDocuments('a: 1\n---\n\nb: "x" y\n'))
      .to.throw()
      .with.property('line', 4);
  });

  it('refuses aliases that multiply, and reads deep brackets and 20,000 documents within seconds', () => {
    const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
      .concat(Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n}, `.repeat(10)}]`))
      .join('\n');
    expect(() => splitDocuments(bomb)).to.throw('repeats its aliases too often');
    expect(() => splitDocuments('['.repeat(10_000))).to.throw();
    expect(() => splitDocuments('{"a":'.repeat(10_000))).to.throw();
    const startedMs = performance.now();
    expect(splitDocuments('a: 1\n---\n'.repeat(20_000))).to.have.length(20_000);
    expect(performance.now() - startedMs).to.be.below(5000);
  });
});
