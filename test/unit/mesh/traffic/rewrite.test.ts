import { expect } from 'chai';
import fc from 'fast-check';
import type { Route } from '../../../../crds/traffic.ts';
import { type PathWay, pathWays } from '../../../../mesh/traffic/rewrite.ts';

type Paths = Partial<Pick<Route, 'path' | 'pathPrefix' | 'pathRegex' | 'rewritePrefix'>>;

/** The path that the app sees by Consul 1.22.6 and Envoy; undefined: no route matches. */
function seen(ways: PathWay[], target: string): string | undefined {
  const [path = '', query] = target.split('?', 2);
  const way = ways.find(({ match }) => matches(match, path, target));
  if (way === undefined) return undefined;
  const { match, rewrite = '' } = way;
  const after = (rewritten: string) => (query === undefined ? rewritten : `${rewritten}?${query}`);
  if (rewrite !== '' && rewrite !== '/') return after(rewrite + path.slice((match.path ?? match.pathPrefix!).length));
  // Consul quotes the prefix, which is empty for an exact path and for an expression.
  const prefix = match.pathPrefix ?? '';
  const [, rest = ''] = /^\/?(.*)$/.exec(path.slice(prefix.length)) ?? [];
  return after(path.startsWith(prefix) ? `/${rest}` : path);
}

function matches(match: PathWay['match'], path: string, target: string): boolean {
  if (match.path !== undefined) return path === match.path;
  if (match.pathRegex !== undefined) return new RegExp(`^(?:${match.pathRegex})$`).test(path);
  const headers = match.headers ?? [];
  return (
    path.startsWith(match.pathPrefix!) &&
    headers.every(({ exact, prefix }) => target === exact || (prefix !== undefined && target.startsWith(prefix)))
  );
}

const see = (paths: Paths, target: string) => seen(pathWays(paths), target);

describe('the path that the app sees', () => {
  const table: [Paths, string, string | undefined][] = [
    [{}, '/', '/'],
    [{}, '//bucket//key', '//bucket//key'],
    [{ pathPrefix: '/api/' }, '/api/v1/items?x=/api/', '/api/v1/items?x=/api/'],
    [{ pathPrefix: '/api/' }, '/api//v1', '/api//v1'],
    [{ pathPrefix: '/api' }, '/apis/x', '/apis/x'],
    [{ pathPrefix: '/api/' }, '/api', undefined],
    [{ path: '/api' }, '/api?x', '/api?x'],
    [{ pathRegex: '/items/[0-9]+' }, '/items/7?x', '/items/7?x'],
    [{ pathRegex: '.*' }, '//items', '//items'],
    [{ path: '/old', rewritePrefix: '/' }, '/old', '/'],
    [{ path: '/old', rewritePrefix: '/' }, '/old?a=1', '/?a=1'],
    [{ path: '/old', rewritePrefix: '/' }, '/old/', undefined],
    [{ path: '/old', rewritePrefix: '/' }, '/older', undefined],
    [{ path: '/', rewritePrefix: '/index.html' }, '/', '/index.html'],
    [{ path: '/', rewritePrefix: '/' }, '/', '/'],
    [{ pathPrefix: '/old/', rewritePrefix: '/' }, '/old/x/y', '/x/y'],
    [{ pathPrefix: '/old/', rewritePrefix: '/' }, '/old//x', '//x'],
    [{ pathPrefix: '/old/', rewritePrefix: '/' }, '/old/', '/'],
    [{ pathPrefix: '/old', rewritePrefix: '/' }, '/old', '/'],
    [{ pathPrefix: '/old', rewritePrefix: '/' }, '/old?x', '/?x'],
    [{ pathPrefix: '/old', rewritePrefix: '/' }, '/old/x', '/x'],
    [{ pathPrefix: '/a/b/c/', rewritePrefix: '/d/' }, '/a/b/c/x', '/d/x'],
    [{ pathPrefix: '/a/', rewritePrefix: '/b/c/d/' }, '/a/x?q=1', '/b/c/d/x?q=1'],
    [{ pathPrefix: '/', rewritePrefix: '/v2/' }, '/x', '/v2/x'],
    [{ pathPrefix: '/', rewritePrefix: '/' }, '//x', '//x'],
  ];
  for (const [paths, target, right] of table) {
    it(`${JSON.stringify(paths)}: ${target} is ${right ?? 'not its path'}`, () => {
      expect(see(paths, target)).to.equal(right);
    });
  }

  const segment = fc.constantFrom('', 'a', 'ab', 'old', '%2F', 'x.y', '(z)', '*');
  const aPath = fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
  const target = fc
    .tuple(aPath, fc.option(fc.constantFrom('', 'q=1', 'p=/old/')))
    .map(([path, query]) => (query === null ? path : `${path}?${query}`));

  it('is the path that was asked for where no route rewrites it', () => {
    fc.assert(
      fc.property(fc.constantFrom('path', 'pathPrefix'), aPath, target, (field, path, asked) => {
        const own = asked.split('?')[0]!;
        const met = field === 'path' ? own === path : own.startsWith(path);
        expect(see({ [field]: path }, asked)).to.equal(met ? asked : undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it('has the rewrite in place of the prefix, character by character, unless /prefix becomes /', () => {
    fc.assert(
      fc.property(aPath, aPath, target, (prefix, rewrite, asked) => {
        fc.pre(rewrite !== '/' || prefix.endsWith('/'));
        const right = asked.startsWith(prefix) ? rewrite + asked.slice(prefix.length) : undefined;
        const met = asked.split('?')[0]!.startsWith(prefix);
        expect(see({ pathPrefix: prefix, rewritePrefix: rewrite }, asked)).to.equal(met ? right : undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it('is the rewrite, with the query that was asked for, where an exact path is rewritten', () => {
    fc.assert(
      fc.property(aPath, aPath, target, (path, rewrite, asked) => {
        const own = asked.split('?')[0]!;
        const right = own === path ? rewrite + asked.slice(own.length) : undefined;
        expect(see({ path, rewritePrefix: rewrite }, asked)).to.equal(right);
      }),
      { numRuns: 2000 },
    );
  });
});
