import { expect } from 'chai';
import type { MeshServiceSpecInput } from '../../../../crds/mesh-service.ts';
import { bannerHeard, judgementOf } from '../../../../mesh/traffic/banner.ts';
import { textProblems } from '../../../../mesh/traffic/problems/text-problems.ts';
import { aMeshService } from '../../../support/builders.ts';

const said = (spec: Partial<MeshServiceSpecInput>): string =>
  textProblems(aMeshService('web', { protocol: 'http', ...spec }))
    .map(({ weight, message }) => `${weight}: ${message}`)
    .join('\n');
type Route = NonNullable<NonNullable<MeshServiceSpecInput['traffic']>['routes']>[number];
const ofRoute = (route: Partial<Route>): string =>
  said({ traffic: { routes: [{ name: 'r', pathPrefix: '/r/', ...route } as Route] } });

describe('texts that go to Envoy', () => {
  it('are taken with percent signs, quotes and letters of other alphabets in header values', () => {
    for (const value of ['50% off', '</a%20b.css>; rel=preload', 'a\tb', '"é"', '日本', 'x'])
      expect(ofRoute({ responseHeaders: { set: { 'x-a': value } } }), value).to.equal('');
  });

  it('are refused with a line feed, a control character or blanks around a header value, or when it is empty', () => {
    for (const value of ['a;\nb', 'a\rb', 'a\0b', '\u0001', 'a\u007f', ' a', 'a ', '\t', ''])
      expect(ofRoute({ requestHeaders: { add: { 'x-a': value } } }), JSON.stringify(value)).to.contain(
        'refuse: route "r": the value of x-a must be one line',
      );
  });

  it('are refused when they change host or a header of the connection, in each of the three ways', () => {
    for (const name of ['host', 'connection', 'content-length', 'transfer-encoding', 'te', 'upgrade'])
      for (const change of [{ add: { [name]: 'x' } }, { set: { [name]: 'x' } }, { remove: [name] }])
        expect(ofRoute({ requestHeaders: change }), JSON.stringify(change)).to.contain('x-forwarded-host');
  });

  it('are refused as paths that no caller can send', () => {
    for (const path of ['/a b', '/a\nb', '/é', '/a\u0001'])
      for (const field of ['path', 'pathPrefix', 'rewritePrefix'])
        expect(ofRoute({ [field]: path }), path).to.contain(`route "r": ${field} must be printable ASCII`);
    expect(ofRoute({ path: '/a%20b;c=d/..%2f' }), 'a route may look for what an attacker sends').to.equal('');
  });

  it('are refused with control characters in what headers and queries are compared with', () => {
    for (const kind of ['exact', 'prefix', 'suffix'])
      expect(ofRoute({ headers: [{ name: 'x-a', [kind]: 'a\nb' }] })).to.contain('no line feed');
    expect(ofRoute({ query: [{ name: 'a\u0000', present: true }] })).to.contain('no line feed');
    expect(said({ access: [{ from: 'a', headers: [{ name: 'x-a', exact: 'a\rb' }] }] })).to.contain('access of a');
  });

  it('are refused as paths of access that are always refused, with how to say it', () => {
    for (const path of ['/a/../b', '/a/./b', '/a\\b', '/a%2fb', '/a%252Fb', '/a%zz', '/a%00', '/..;/a'])
      for (const field of ['path', 'pathPrefix'])
        expect(said({ access: [{ from: 'a', [field]: path }] }), `${field} ${path}`).to.contain('name the service');
    for (const path of ['/.well-known/x', '/a..b', '/a;v=1', '/caf%C3%A9', '/a%20b', '/~me/-_.'])
      expect(said({ access: [{ from: 'a', path }] }), path).to.equal('');
    expect(said({ access: [{ from: 'a', pathPrefix: '/a/..' }] }), 'a prefix of /a/..x').to.equal('');
    expect(said({ access: [{ from: 'a', path: '/a/..' }] })).to.contain('name the service');
    expect(said({ access: [{ from: 'a', path: '/%61' }] })).to.contain('write the character itself');
    expect(said({ expose: { hosts: ['a.example'], paths: ['/a/../b'] } })).to.contain('spec.expose');
  });
});

describe('access of a tcp service', () => {
  const linked = { type: 'Linked', status: 'True', reason: 'Linked', message: '', lastTransitionTime: '' };
  const warned = (spec: Partial<MeshServiceSpecInput>, conditions: object[] = [linked]): string[] => {
    const meshService = { ...aMeshService('db', { port: 5432, ...spec }), status: { conditions } };
    return bannerHeard(meshService as never).map(({ weight }) => weight);
  };

  it('brings a warning where the terminating gateway stands for it, which lets the server greet everybody', () => {
    expect(warned({ access: [{ from: 'a' }] })).to.deep.equal(['warn']);
    expect(warned({ access: [], speaksFirst: 'Server' })).to.deep.equal(['warn']);
    expect(warned({})).to.deep.equal(['warn']);
  });

  it('brings no warning at the gateway where everybody may call, the caller speaks first, or requests are seen', () => {
    expect(warned({ access: [{ from: '*' }] })).to.deep.equal([]);
    expect(warned({ access: [{ from: 'a' }], speaksFirst: 'Caller' })).to.deep.equal([]);
    expect(warned({ protocol: 'http', access: [] })).to.deep.equal([]);
  });

  it('brings no warning behind sidecars, which judge a caller before they connect', () => {
    for (const speaksFirst of ['Caller', 'Server', undefined] as const)
      expect(warned({ access: [{ from: 'a' }], ...(speaksFirst && { speaksFirst }) }, [])).to.deep.equal([]);
  });

  it('says to sidecars whom they connect to the app, and nothing where everybody may call', () => {
    const judged = (spec: Partial<MeshServiceSpecInput>) => judgementOf(aMeshService('db', spec).spec);
    expect(judged({ access: [{ from: 'a' }, { from: 'b' }] })).to.deep.equal({ callers: ['a', 'b'] });
    expect(judged({ access: [{ from: 'a' }], speaksFirst: 'Server' })).to.deep.equal({ callers: ['a'] });
    expect(judged({})).to.deep.equal({ callers: [] });
    expect(judged({ access: [{ from: '*' }] })).to.equal(undefined);
    expect(judged({ access: [{ from: 'a' }, { from: '*' }], speaksFirst: 'Server' })).to.equal(undefined);
    expect(judged({ speaksFirst: 'Caller' })).to.equal('firstByte');
    expect(judged({ protocol: 'http', access: [] })).to.equal(undefined);
  });
});
