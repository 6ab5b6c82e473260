import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { equal } from '../../../mesh/equal.ts';

const json = fc.jsonValue({ maxDepth: 4 });

/** Without the keys that are undefined. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify({ value }));

describe('equality of plain JSON', () => {
  it('is what Node calls deep equality', () => {
    fc.assert(fc.property(json, json, (a, b) => equal(a, b) === isDeepStrictEqual(plain(a), plain(b))));
  });

  it('holds for a copy with its keys in any order', () => {
    const turned = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(turned);
      if (typeof value !== 'object' || value === null) return value;
      const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [key, turned(inner)]);
      return Object.fromEntries(entries.reverse());
    };
    fc.assert(fc.property(json, (value) => equal(value, turned(value))));
  });

  it('takes a key that is undefined for one that is not there, on either side', () => {
    expect(equal({ a: 1, b: undefined }, { a: 1 })).to.equal(true);
    expect(equal({ a: 1 }, { a: 1, b: undefined })).to.equal(true);
    expect(equal({ a: 1, b: null }, { a: 1 })).to.equal(false);
    expect(equal({ a: 1 }, { a: 1, b: null })).to.equal(false);
  });

  it('tells a list from an object', () => {
    expect(equal([], {})).to.equal(false);
    expect(equal({}, [])).to.equal(false);
  });
});
