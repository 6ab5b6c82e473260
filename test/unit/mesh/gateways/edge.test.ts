import { expect } from 'chai';
import { exposeSettings } from '../../../../crds/expose.ts';
import type { Traffic } from '../../../../crds/traffic.ts';
import { coveredBy, covers } from '../../../../mesh/catalog/covers.ts';
import { diff } from '../../../../mesh/catalog/diff.ts';
import { edgeState } from '../../../../mesh/gateways/edge.ts';
import type { Certificate, Exposure } from '../../../../mesh/gateways/exposure.ts';
import type { ConfigEntry } from '../../../../mesh/catalog/entry.ts';
import { serverNames } from '../../../../mesh/gateways/server-names.ts';
import { desiredState } from '../../../../mesh/service/desired.ts';
import { aMeshService } from '../../../support/builders.ts';

const exposure = (name: string, expose: object, createdAt = '2026-01-01T00:00:00Z', traffic?: Traffic): Exposure => ({
  ...{ namespace: 'shop', name, service: name, protocol: 'http', createdAt, uid: name, traffic },
  expose: exposeSettings.parse(expose),
});
interface Rule {
  Matches: { Path: object; Method?: string; Headers?: { Name: string; Value: string }[] }[];
  Filters: { URLRewrite: object; TimeoutFilter: object; RetryFilter?: object };
}
const rulesOf = (entry: ConfigEntry | undefined) => entry!['Rules'] as Rule[];
const stateOf = (exposures: Exposure[], certificates: [string, Certificate | string][] = []) => {
  const ports = { http: 8080, https: 8443 };
  return edgeState({ cluster: 'lab', ports, exposures, certificates: new Map(certificates), nowMs: 0 });
};
const pair = { certificate: 'C', privateKey: 'K', names: [] };

describe('the state of the edge gateway in Consul', () => {
  it('is a gateway with one plain listener and a route to nowhere while nothing is exposed', () => {
    const { node, config, problems } = stateOf([]);
    expect(Object.keys(node!.registrations)).to.deep.equal(['landbridge-edge']);
    expect(Object.keys(config)).to.have.members([
      'api-gateway/landbridge-edge',
      'http-route/landbridge-edge',
      'service-defaults/landbridge-edge',
    ]);
    expect(config['api-gateway/landbridge-edge']!['Listeners']).to.have.length(1);
    expect(problems.size).to.equal(0);
  });

  it('tells a service of another protocol why it is not exposed, and exposes the others', () => {
    const h2: Exposure = { ...exposure('rpc', { hosts: ['b.example'] }), protocol: 'http2' };
    const { config, problems } = stateOf([exposure('web', { hosts: ['a.example'] }), h2]);
    expect(config).to.have.property('http-route/web');
    expect(config).to.not.have.property('http-route/rpc');
    expect(problems.get('shop/rpc')).to.match(/set protocol to http or take expose out/);
  });

  it('matches a path and what is below it, and keeps the path as it is', () => {
    const exposed = exposure('web', { hosts: ['a.example'], paths: ['/api/', '/'] }, undefined, {
      retries: { attempts: 0 },
    });
    const { config } = stateOf([exposed]);
    const rules = rulesOf(config['http-route/web']);
    expect(rules.map(({ Matches, Filters: { URLRewrite } }) => ({ ...Matches[0]!.Path, URLRewrite }))).to.deep.equal([
      { Match: 'exact', Value: '/api', URLRewrite: { Path: '/api' } },
      { Match: 'prefix', Value: '/api/', URLRewrite: { Path: '/api/' } },
      // Consul takes one of two slashes away where the rewrite is "/".
      { Match: 'prefix', Value: '//', URLRewrite: { Path: '//' } },
      { Match: 'prefix', Value: '/', URLRewrite: { Path: '/' } },
    ]);
  });

  it("keeps the service's timeout, and tries again as its sidecars' callers do, by method", () => {
    const { config } = stateOf([exposure('web', { hosts: ['a.example'] }, undefined, { timeout: '10m' })]);
    const rules = rulesOf(config['http-route/web']);
    const seen = rules.map(({ Matches, Filters }) => [
      Matches.map(({ Method = 'any' }) => Method).join(' '),
      Filters.TimeoutFilter,
      JSON.parse(JSON.stringify(Filters.RetryFilter)) as object,
    ]);
    const TimeoutFilter = { RequestTimeout: '10m0s', IdleTimeout: '10m0s' };
    const byMethod = [
      [
        'GET HEAD PUT DELETE OPTIONS TRACE',
        TimeoutFilter,
        { NumRetries: 2, RetryOn: ['connect-failure', 'refused-stream', 'reset'] },
      ],
      ['any', TimeoutFilter, { NumRetries: 2, RetryOn: ['connect-failure', 'refused-stream'] }],
    ];
    expect(seen).to.deep.equal([...byMethod, ...byMethod]);
    const off = stateOf([exposure('web', { hosts: ['a.example'] }, undefined, { retries: { attempts: 0 } })]);
    expect(rulesOf(off.config['http-route/web']).map(({ Filters }) => Filters.RetryFilter)).to.deep.equal([
      undefined,
      undefined,
    ]);
  });

  it('takes no host with a label that DNS does not know, which Consul would refuse', () => {
    const hosts = (label: number) => () => exposure('web', { hosts: [`${'a'.repeat(label)}.example`] });
    expect(hosts(63)).not.to.throw();
    expect(hosts(64)).to.throw();
  });

  it('writes a route again when tries are taken out of it', () => {
    const stateFor = (retries: object) => stateOf([exposure('web', { hosts: ['a.example'] }, undefined, { retries })]);
    const routeOf = (retries: object) => stateFor(retries).config['http-route/web']!;
    // Consul gives fields that nobody wrote back as zeros.
    const held = (retries: object): unknown =>
      JSON.parse(
        JSON.stringify(routeOf(retries), (key, value: unknown) =>
          key === 'Filters'
            ? { RetryFilter: { NumRetries: 0, RetryOn: null, RetryOnStatusCodes: null }, ...(value as object) }
            : value,
        ),
      );
    const more = { attempts: 2, on: ['gateway-error'], methods: 'All', statusCodes: [429] };
    for (const less of [{ attempts: 0 }, { ...more, statusCodes: undefined }, { ...more, on: ['reset'] }]) {
      expect(covers(held(more), routeOf(less))).to.equal(false);
      expect(covers(held(less), routeOf(less))).to.equal(true);
    }
  });

  it('says the idle limit and the header of further tries always, so that neither stays when it is taken out', () => {
    const filters = (traffic: object) =>
      rulesOf(stateOf([exposure('web', { hosts: ['a.example'] }, undefined, traffic)]).config['http-route/web'])[0]!
        .Filters as unknown as { TimeoutFilter: object; Headers: object[] };
    const names = { 'x-envoy-retry-on': 'retriable-headers', 'x-envoy-retriable-header-names': 'x-landbridge-lost' };
    expect(filters({}).TimeoutFilter).to.deep.equal({ RequestTimeout: '15s', IdleTimeout: '5m0s' });
    expect(filters({ timeout: '0s', idleTimeout: '0s' }).TimeoutFilter).to.deep.equal({
      ...{ RequestTimeout: '-1s', IdleTimeout: '-1s' },
    });
    expect(filters({}).Headers).to.deep.equal([{ Set: names }]);
    expect(filters({ retries: { attempts: 0 } }).Headers).to.deep.equal([{ Remove: Object.keys(names) }]);
  });

  it('serves all hosts below one, and a host with a port, by a look at the name that was asked for', () => {
    const { config } = stateOf([exposure('web', { hosts: ['a.example', '*.b.example'] })]);
    expect(config['http-route/web']!['Hostnames']).to.deep.equal(['a.example']);
    expect(config['http-route/web.wildcard']).not.to.have.property('Hostnames');
    const headers = rulesOf(config['http-route/web.wildcard'])[0]!.Matches.map(({ Headers }) => Headers![0]!);
    expect(headers.map(({ Name }) => Name))
      .to.include(':authority')
      .and.to.have.lengthOf.above(1);
    // RE2's (?i) is JavaScript's flag; Envoy compares the whole.
    const regexes = headers.map(({ Value }) => new RegExp(`^${Value.replace('(?i)', '')}$`, 'i'));
    const served = [
      'x.b.example',
      'X.y.B.example:8443',
      'x.b.example.',
      'a.example:30800',
      'A.example.:1',
      'a.example:',
    ];
    const others = [
      'b.example',
      'xb.example',
      'x.bxexample',
      'x.b.example.org',
      'x.a.example:1',
      'axexample:1',
      'a.example:1x',
    ];
    const matching = [...served, ...others].filter((host) => regexes.some((regex) => regex.test(host)));
    expect(matching).to.deep.equal(served);
  });

  it('serves a host with a certificate over TLS only, and not at all while the certificate is missing', () => {
    const secure = exposure('web', { hosts: ['a.example'], tlsSecret: 'tls' });
    const served = stateOf([secure], [['shop/tls', pair]]);
    expect(served.config['http-route/web']!['Parents']).to.deep.include({
      ...{ Kind: 'api-gateway', Name: 'landbridge-edge', SectionName: 'https' },
    });
    const Certificate = `${serverNames(['a.example'])}C`;
    expect(served.config['inline-certificate/shop.tls']).to.include({ Certificate, PrivateKey: 'K' });
    const broken = stateOf([secure], [['shop/tls', 'there is no Secret shop/tls']]);
    expect([...broken.problems]).to.deep.equal([['shop/web', 'there is no Secret shop/tls']]);
    expect(broken.config).not.to.have.property('http-route/web');
  });

  it('holds a certificate once, though two Secrets have it', () => {
    const { config } = stateOf(
      [
        exposure('a', { hosts: ['a.example'], tlsSecret: 'one' }),
        exposure('b', { hosts: ['b.example'], tlsSecret: 'two' }),
      ],
      [
        ['shop/one', pair],
        ['shop/two', pair],
      ],
    );
    expect(Object.keys(config).filter((key) => key.startsWith('inline'))).to.deep.equal([
      'inline-certificate/shop.one',
    ]);
  });

  it('leaves a host and path to the MeshService that came first, and tells the other', () => {
    const young = exposure('a', { hosts: ['x.example'], paths: ['/api'] }, '2026-02-01T00:00:00Z');
    const old = exposure('b', { hosts: ['x.example'], paths: ['/api/', '/more'] });
    const { config, problems } = stateOf([young, old]);
    expect(config).to.have.property('http-route/b');
    expect(config).not.to.have.property('http-route/a');
    expect(problems.get('shop/a')).to.equal(
      'x.example/api is exposed by MeshService shop/b already: choose another host or path',
    );
  });

  it('lets the gateway call exposed services, besides the callers that have access', () => {
    const meshService = aMeshService('web', {
      protocol: 'http',
      expose: { hosts: ['a.example'] },
      access: [{ from: 'b' }],
    });
    const { config } = desiredState({
      ...{ cluster: 'lab', namespace: 'shop', name: 'web', meshService, pods: [], formerServices: [] },
    });
    const sources = config['service-intentions/web']!['Sources'] as { Name: string }[];
    expect(sources).to.deep.equal([
      { Name: 'b', Action: 'allow' },
      { Name: 'landbridge-edge', Action: 'allow' },
      { Name: '*', Action: 'deny' },
    ]);
  });
});

describe('a held entry that covers a wanted one', () => {
  it('may have more fields, and no other values, nor longer lists', () => {
    expect(covers({ a: 1, b: 2 }, { a: 1 })).to.equal(true);
    expect(covers({ a: [{ b: 1, status: 'x' }] }, { a: [{ b: 1 }] })).to.equal(true);
    expect(covers({ a: [1, 2] }, { a: [1] })).to.equal(false);
    expect(covers({ a: 2 }, { a: 1 })).to.equal(false);
    expect(covers({}, { a: { b: 1 } })).to.equal(false);
  });

  it('needs no write, and one that was changed by hand does', () => {
    const desired = stateOf([exposure('web', { hosts: ['a.example'] })]);
    const asHeld = (entry: ConfigEntry): { entry: ConfigEntry; modifyIndex: number } => ({
      entry: { ...entry, Status: { Conditions: [1] } },
      modifyIndex: 7,
    });
    const config = Object.fromEntries(Object.entries(desired.config).map(([key, entry]) => [key, asHeld(entry)]));
    const actual = { node: desired.node, config };
    expect(diff(desired, coveredBy(actual, desired), desired.owner).changes).to.deep.equal([]);
    config['http-route/web']!.entry = { ...config['http-route/web']!.entry, Hostnames: ['b.example'] };
    const [change] = diff(desired, coveredBy(actual, desired), desired.owner).changes;
    expect(change).to.deep.include({ op: 'set-config', modifyIndex: 7 });
  });
});
