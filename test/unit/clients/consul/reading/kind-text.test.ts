import { expect } from 'chai';
import fc from 'fast-check';
import { type KindRead, type KindText, readKind } from '../../../../../clients/consul/reading/kind-text.ts';

interface Entry {
  Name: string;
  ModifyIndex: number;
  [field: string]: unknown;
}

const textOf = (entries: Entry[]): Buffer => Buffer.from(JSON.stringify(entries));
const read = (entries: Entry[], before?: KindText): KindRead => readKind(textOf(entries), before);

/** The fields stand in Consul's order: the name early, the index late, and a writer's own words between. */
const entry = (Name: string, ModifyIndex: number, more: object = {}): Entry => ({
  Kind: 'service-defaults',
  Name,
  Protocol: 'http',
  ...more,
  Meta: { 'landbridge-owner': `k8s/lab/shop/${Name}` },
  CreateIndex: 3,
  ModifyIndex,
});
const thousand = Array.from({ length: 1000 }, (_, i) => entry(`s-${i}`, i + 10));

const rows = (text: KindText): [string, number][] => text.names.map((name, at) => [name, text.indexes[at]!]);

describe('the text of a kind of config entries', () => {
  it('is not parsed when it is the same as before', () => {
    const before = read(thousand);
    const now = read(thousand, before);
    expect([now.parsed, now.changed]).to.deep.equal([0, []]);
    expect(now.places).to.equal(before.places);
  });

  it('has one entry parsed when one of a thousand changed, came or went', () => {
    const before = read(thousand);
    const changed = read(thousand.with(500, entry('s-500', 9999, { Script: 'x' })), before);
    expect([changed.parsed, changed.changed]).to.deep.equal([1, ['s-500']]);
    const came = read(thousand.toSpliced(500, 0, entry('new', 9999)), before);
    expect([came.parsed, came.changed]).to.deep.equal([1, ['new']]);
    const went = read(thousand.toSpliced(500, 1), before);
    expect([went.parsed, went.changed]).to.deep.equal([1, ['s-500']]);
  });

  it('has as many parsed as changed, wherever these stand', () => {
    let all = thousand;
    for (const at of [0, 1, 333, 998, 999])
      all = all.with(at, entry(`s-${at}`, 5000 + at, { Meta: { long: 'y'.repeat(at) } }));
    const now = read(all, read(thousand));
    expect(now.parsed).to.equal(5);
    expect(now.changed).to.deep.equal(['s-0', 's-1', 's-333', 's-998', 's-999']);
  });

  for (const [what, text] of [
    ['spaces', JSON.stringify(thousand.slice(0, 3), null, 2)],
    ['a line end', `${JSON.stringify(thousand.slice(0, 3))}\n`],
    ['nothing in it', '[]'],
    ['null for nothing', 'null'],
  ] as const) {
    it(`is read with ${what}`, () => {
      const listed = (JSON.parse(text) ?? []) as Entry[];
      const first = readKind(Buffer.from(text));
      expect(rows(first)).to.deep.equal(listed.map(({ Name, ModifyIndex }) => [Name, ModifyIndex]));
      const after = read([...listed, entry('z', 77)], first);
      expect(after.changed).to.deep.equal(['z']);
      expect(readKind(Buffer.from(text), after).changed).to.deep.equal(['z']);
    });
  }

  for (const text of [
    '',
    '<html>Bad Gateway</html>',
    '[',
    '[{"Name":"a","ModifyIndex":1}',
    '[{"Name":"a","ModifyIndex":1},]',
    '[{"Name":"a"}]',
    '[7]',
    '[null]',
    '{"Name":"a","ModifyIndex":1}',
    '[{"Name":"a","ModifyIndex":1}]]',
  ])
    it(`is refused when it is ${JSON.stringify(text)}, also after a good one`, () => {
      expect(() => readKind(Buffer.from(text))).to.throw();
      expect(() => readKind(Buffer.from(text), read(thousand))).to.throw();
    });

  it('agrees with JSON.parse about entries of any words', () => {
    const name = fc.oneof(fc.constantFrom('a', 'b', 'c', 'web', 'web-1', 'é', '"}', '\\'), fc.string({ maxLength: 4 }));
    const words = fc.oneof(
      fc.string(),
      fc.constantFrom('"},{"Name":"evil","ModifyIndex":1}', '\\"}', '}]', '\\', '{{{', '[[['),
    );
    const made = fc
      .record({ Name: name, ModifyIndex: fc.nat(20), words, more: fc.jsonValue() })
      .map(({ Name, ModifyIndex, ...more }) => entry(Name, ModifyIndex, more));
    const list = fc.uniqueArray(made, { selector: ({ Name }) => Name, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(list, { minLength: 1, maxLength: 6 }), fc.boolean(), (answers, spaced) => {
        let before: KindRead | undefined;
        let known = new Map<string, number>();
        for (const [turn, entries] of answers.entries()) {
          const text = spaced && turn % 2 === 1 ? JSON.stringify(entries, null, 1) : JSON.stringify(entries);
          const now = readKind(Buffer.from(text), before);
          const held = new Map(entries.map(({ Name, ModifyIndex }) => [Name, ModifyIndex]));
          expect(rows(now)).to.deep.equal([...held]);
          for (const one of held.keys()) expect(now.indexes[now.places.get(one)!]).to.equal(held.get(one));
          expect(now.places.size).to.equal(held.size);
          const differing = [...new Set([...known.keys(), ...held.keys()])].filter(
            (one) => known.get(one) !== held.get(one),
          );
          expect([...now.changed].sort()).to.deep.equal(differing.sort());
          before = now;
          known = held;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('has at most as many parsed as entries that changed, came or went, in the order in which Consul lists', () => {
    const version = fc.record({ held: fc.boolean(), index: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(fc.tuple(version, version), { maxLength: 40 }), (pairs) => {
        const state = (side: 0 | 1) =>
          pairs.flatMap((pair, at) => (pair[side].held ? [entry(`s-${at}`, pair[side].index)] : []));
        const now = read(state(1), read(state(0)));
        const differing = pairs.filter(([a, b]) => a.held !== b.held || (a.held && a.index !== b.index));
        expect(now.parsed).to.be.at.most(differing.length);
        expect(now.changed).to.have.length(differing.length);
      }),
      { numRuns: 500 },
    );
  });
});
