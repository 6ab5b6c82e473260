import { expect } from 'chai';
import type { MeshServiceSpecInput } from '../../../../crds/mesh-service.ts';
import { re2Problem } from '../../../../mesh/traffic/problems/re2.ts';
import { regexProblems } from '../../../../mesh/traffic/problems/regex.ts';
import { aMeshService } from '../../../support/builders.ts';

describe('a regular expression', () => {
  it('is refused in words that say what to write instead', () => {
    const words: Record<string, string> = {
      '/a(?=b)': 'looks ahead, behind or back',
      '(?<n>x)\\k<n>': 'looks ahead, behind or back',
      '/é': 'write the percent escape',
      '/items/[a-z]{1,1024}': 'invalid repeat count',
      '/(a{0,500}){0,500}': 'steps',
      '/[^]': 'missing closing ]',
      '/\\u0041': 'invalid escape sequence',
      '/\\p{Script=Greek}+': 'invalid character class range',
      '/[a-\\d]': 'invalid escape sequence',
    };
    for (const [text, part] of Object.entries(words)) expect(re2Problem(text), text).to.contain(part);
  });

  it('is taken with flags, names of groups and classes that JavaScript does not know', () => {
    for (const text of [
      '/(?i:abc)',
      '/(?P<id>[0-9]+)',
      '/(?s-i:x)',
      '/[[:alpha:]]+',
      '/\\pL',
      '/[a-z]{1,1000}',
      '\\377',
    ])
      expect(re2Problem(text), text).to.equal(undefined);
  });

  const withAccess = (pathRegex: string[], more: Partial<MeshServiceSpecInput> = {}) =>
    aMeshService('web', {
      protocol: 'http',
      access: pathRegex.map((each) => ({ from: 'a', pathRegex: each })),
      ...more,
    });

  it('is found wherever one can stand, with the place', () => {
    const traffic = {
      routes: [
        {
          name: 'r',
          pathRegex: '[1',
          headers: [{ name: 'x-h', regex: '[2' }],
          query: [{ name: 'q', regex: '[3' }],
        },
      ],
    };
    const access = [{ from: 'a', pathRegex: '[4', headers: [{ name: 'x-i', regex: '[5' }] }];
    const found = regexProblems(aMeshService('web', { protocol: 'http', traffic, access }));
    expect(found.map(({ message }) => message.split(': the regular')[0])).to.deep.equal([
      'route "r"',
      'route "r", x-h',
      'route "r", q',
      'access of a',
      'access of a, x-i',
    ]);
  });

  it('is judged once for a spec, and not at all when all together are too much work', () => {
    const meshService = withAccess(['[']);
    expect(regexProblems(meshService)).to.equal(regexProblems(meshService));
    const much = withAccess(Array.from({ length: 64 }, (_, index) => `/(${index}{99}){9}`));
    expect(regexProblems(much).map(({ message }) => message)).to.deep.equal([
      'the 64 regular expressions of spec.traffic and spec.access have 57574 steps together, and 20000 are the most: use path, pathPrefix, exact, prefix or suffix where they say the same',
    ]);
  });
});
