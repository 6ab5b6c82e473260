import { expect } from 'chai';
import { edgeExpressions } from '../../../../mesh/traffic/edge-access.ts';
import { MISLEADING_EXPRESSIONS, MISLEADING_PATH } from '../../../../mesh/traffic/path-guard.ts';
import { configEntries } from '../../../../mesh/traffic/entries.ts';
import type { MeshServiceSpecInput } from '../../../../crds/mesh-service.ts';
import { aMeshService } from '../../../support/builders.ts';

type Json = Record<string, unknown>;
interface Routes {
  Routes: { Match: { HTTP: Json }; Destination: Json }[];
}

const entryOf = (kind: string, spec: Partial<MeshServiceSpecInput>) =>
  configEntries(aMeshService('web', spec), 'me', () => undefined).find(({ Kind }) => Kind === kind);
/** On every route. */
const MARK = 'x-landbridge-lost';
const UNSEEN = 'x-landbridge-unseen';
const MARK_OFF = { ResponseHeaders: { Remove: [MARK, UNSEEN] } };
const ON_MARK = { 'x-envoy-retry-on': 'retriable-headers', 'x-envoy-retriable-header-names': MARK };
const routesOf = (spec: Partial<MeshServiceSpecInput>) =>
  (entryOf('service-router', { protocol: 'http', ...spec }) as unknown as Routes).Routes;

describe('config entries of a MeshService', () => {
  it('are defaults and resolver for tcp, and a router too for http', () => {
    const kinds = (protocol: 'tcp' | 'grpc') =>
      configEntries(aMeshService('web', { protocol }), 'me', () => undefined).map(({ Kind }) => Kind);
    expect(kinds('tcp')).to.deep.equal(['service-defaults', 'service-resolver', 'service-intentions']);
    expect(kinds('grpc')).to.deep.equal([
      'service-defaults',
      'service-resolver',
      'service-router',
      'service-intentions',
    ]);
  });

  it('balance by least request and connect within a second when nothing is said', () => {
    expect(entryOf('service-resolver', {})).to.deep.include({
      ConnectTimeout: '1s',
      LoadBalancer: { Policy: 'least_request' },
    });
  });

  it('try idempotent methods again on lost connections, others only when no instance saw the request', () => {
    const [, , idempotent, rest, ...more] = routesOf({});
    expect(more).to.deep.equal([]);
    expect(idempotent?.Match.HTTP).to.deep.equal({
      PathPrefix: '/',
      Methods: ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'],
    });
    expect(idempotent?.Destination).to.deep.equal({
      ...MARK_OFF,
      RequestHeaders: { Set: ON_MARK },
      PrefixRewrite: '/',
      RequestTimeout: '15s',
      NumRetries: 2,
      RetryOn: ['connect-failure', 'refused-stream', 'reset'],
    });
    expect(rest?.Match.HTTP).to.deep.equal({ PathPrefix: '/' });
    expect(rest?.Destination['RetryOn']).to.deep.equal(['connect-failure', 'refused-stream']);
    // A sidecar that could not give a request to its app has not shown the app any of it.
    expect(rest?.Destination['RequestHeaders']).to.deep.equal({
      Set: { ...ON_MARK, 'x-envoy-retriable-header-names': UNSEEN },
    });
  });

  it('have one route a rule where the method makes no difference', () => {
    const retries = (retries: object) => routesOf({ traffic: { retries } });
    expect(retries({ attempts: 0 })).to.deep.equal([
      {
        Match: { HTTP: { PathPrefix: '//' } },
        Destination: { ...MARK_OFF, PrefixRewrite: '//', RequestTimeout: '15s' },
      },
      {
        Match: { HTTP: { PathPrefix: '/' } },
        Destination: { ...MARK_OFF, PrefixRewrite: '/', RequestTimeout: '15s' },
      },
    ]);
    expect(retries({ methods: 'All' })).to.have.length(2);
    expect(retries({ on: ['connect-failure'] })).to.have.length(2);
  });

  it('never give a method that is not idempotent more retries than it asked for', () => {
    const [route] = routesOf({
      traffic: {
        routes: [{ name: 'post', pathPrefix: '/x', methods: ['POST'], retries: { on: ['5xx'], statusCodes: [503] } }],
      },
    });
    expect(route?.Destination).to.deep.equal({ ...MARK_OFF, PrefixRewrite: '/x', RequestTimeout: '15s' });
  });

  it('spell "no limit" as Consul does, and lift the idle limit with a timeout that is longer', () => {
    const limits = (traffic: object) => {
      const [route] = routesOf({ traffic });
      return [route?.Destination['RequestTimeout'], route?.Destination['IdleTimeout']];
    };
    expect(limits({})).to.deep.equal(['15s', undefined]);
    expect(limits({ timeout: '0s' })).to.deep.equal(['-1s', undefined]);
    expect(limits({ timeout: '20m' })).to.deep.equal(['20m0s', '20m0s']);
    expect(limits({ timeout: '20m', idleTimeout: '1m' })).to.deep.equal(['20m0s', '1m0s']);
    expect(limits({ timeout: '0s', idleTimeout: '0s' })).to.deep.equal(['-1s', '-1s']);
    // A route's own goes first, whichever of the two it gives.
    const route = { name: 'events', path: '/events', timeout: '0s' };
    expect(limits({ timeout: '2s', idleTimeout: '1h', routes: [route] })).to.deep.equal(['-1s', '1h0m0s']);
    expect(limits({ timeout: '0s', routes: [{ ...route, timeout: '5s', idleTimeout: '0s' }] })).to.deep.equal([
      '5s',
      '-1s',
    ]);
  });

  it("take the callee's own limit out of the way, which is not the caller's route's", () => {
    const external = { workloads: { external: { sites: ['rack-1'] } } };
    const year = 365 * 24 * 3_600_000;
    expect(entryOf('service-defaults', { protocol: 'grpc' })?.['LocalRequestTimeoutMs']).to.equal(year);
    expect(entryOf('service-defaults', { protocol: 'tcp' })).to.not.have.property('LocalRequestTimeoutMs');
    // The terminating gateway calls instances without a sidecar.
    expect(entryOf('service-resolver', { protocol: 'http', ...external })?.['RequestTimeout']).to.equal('8760h0m0s');
    expect(entryOf('service-resolver', { protocol: 'tcp', ...external })).to.not.have.property('RequestTimeout');
    expect(entryOf('service-resolver', { protocol: 'http' })).to.not.have.property('RequestTimeout');
  });

  it("keep a route's own changes of headers beside those by which callers try again", () => {
    const requestHeaders = { set: { 'x-a': '1' }, remove: ['x-b'] };
    const responseHeaders = { add: { 'x-c': '2' }, remove: ['x-d'] };
    const [route] = routesOf({ traffic: { routes: [{ name: 'r', path: '/r', requestHeaders, responseHeaders }] } });
    expect(route?.Destination['RequestHeaders']).to.deep.equal({ Set: { 'x-a': '1', ...ON_MARK }, Remove: ['x-b'] });
    expect(route?.Destination['ResponseHeaders']).to.deep.equal({ Add: { 'x-c': '2' }, Remove: ['x-d', MARK, UNSEEN] });
  });

  it('take the offer of a WebSocket off requests to HTTP/2, also on a route that changes other headers', () => {
    const requestHeaders = { remove: ['x-b'] };
    const removed = (protocol: 'http' | 'http2' | 'grpc') =>
      routesOf({
        protocol,
        traffic: { retries: { attempts: 0 }, routes: [{ name: 'r', path: '/r', requestHeaders }] },
      }).map(({ Destination }) => (Destination['RequestHeaders'] as Json | undefined)?.['Remove']);
    expect(removed('http')).to.deep.equal([['x-b'], undefined, undefined]);
    for (const protocol of ['http2', 'grpc'] as const) {
      const ours = ['connection', 'upgrade'];
      expect(removed(protocol)).to.deep.equal([['x-b', ...ours], ours, ours]);
    }
  });

  it('have the sidecar mark its own 503, and drop idle connections to its app, unless it sees bytes only', () => {
    const names = (protocol: 'tcp' | 'http' | 'grpc') =>
      ((entryOf('service-defaults', { protocol })?.['EnvoyExtensions'] ?? []) as Json[]).map(({ Name }) => Name);
    expect(names('http')).to.deep.equal(['builtin/property-override', 'builtin/lua']);
    expect(names('grpc')).to.deep.equal(['builtin/lua']);
    expect(names('tcp')).to.deep.equal([]);
  });

  it('repeat the access rules for everybody under each name, since Consul asks only the most exact', () => {
    const intentions = entryOf('service-intentions', {
      protocol: 'http',
      access: [{ from: '*', path: '/health' }, { from: 'b', methods: ['GET'] }, { from: 'a' }],
    });
    expect(intentions?.['Sources']).to.deep.equal([
      { Name: 'a', Action: 'allow' },
      {
        Name: 'b',
        Permissions: [
          { Action: 'allow', HTTP: { Methods: ['GET'] } },
          { Action: 'deny', HTTP: { PathRegex: MISLEADING_PATH } },
          { Action: 'allow', HTTP: { PathExact: '/health' } },
          { Action: 'deny', HTTP: { PathRegex: '.*' } },
        ],
      },
      {
        Name: '*',
        Permissions: [
          { Action: 'deny', HTTP: { PathRegex: MISLEADING_PATH } },
          { Action: 'allow', HTTP: { PathExact: '/health' } },
          { Action: 'deny', HTTP: { PathRegex: '.*' } },
        ],
      },
    ]);
  });

  it('refuse misleading paths before rules with a path, and more of them before expressions', () => {
    const intentions = entryOf('service-intentions', {
      protocol: 'http',
      access: [
        { from: 'a', pathRegex: '/x/[0-9]+' },
        { from: 'a', pathPrefix: '/y/' },
        { from: 'b', pathPrefix: '/', methods: ['GET'] },
      ],
    });
    const [a, b, others] = intentions?.['Sources'] as { Permissions: { Action: string; HTTP: Json }[] }[];
    expect(a?.Permissions.map(({ Action, HTTP }) => [Action, ...Object.values(HTTP)])).to.deep.equal([
      ['deny', MISLEADING_PATH],
      ['allow', '/y/'],
      ['deny', MISLEADING_EXPRESSIONS],
      ['allow', '/x/[0-9]+'],
      ['deny', '.*'],
    ]);
    expect(
      b?.Permissions.map(({ Action }) => Action),
      'the prefix / is every path',
    ).to.deep.equal(['allow', 'deny']);
    expect(others).to.deep.equal({ Name: '*', Action: 'deny' });
  });

  it('let the edge gateway ask for what is exposed and nothing else, narrowed by rules that name it', () => {
    const edgeOf = (paths: string[], access: MeshServiceSpecInput['access'] = []) => {
      const expose = { hosts: ['a.example'], paths };
      const { Sources } = entryOf('service-intentions', { protocol: 'http', expose, access }) as unknown as {
        Sources: { Name: string; Action?: string; Permissions?: { Action: string; HTTP: Json }[] }[];
      };
      const { Action, Permissions = [] } = Sources.find(({ Name }) => Name === 'landbridge-edge')!;
      return Action ?? Permissions.flatMap((each) => (each.Action === 'allow' ? [each.HTTP] : []));
    };
    const from = 'landbridge-edge';
    expect(edgeOf(['/'])).to.equal('allow');
    expect(edgeOf(['/api', '/x/'], [{ from: '*' }])).to.deep.equal([
      { PathExact: '/api' },
      { PathPrefix: '/api/' },
      { PathExact: '/x' },
      { PathPrefix: '/x/' },
    ]);
    expect(edgeOf(['/api'], [{ from, methods: ['GET'] }])).to.deep.equal([
      { PathExact: '/api', Methods: ['GET'] },
      { PathPrefix: '/api/', Methods: ['GET'] },
    ]);
    expect(edgeOf(['/api'], [{ from, pathPrefix: '/api/v1/' }])).to.deep.equal([{ PathPrefix: '/api/v1/' }]);
    expect(edgeOf(['/api'], [{ from, pathPrefix: '/a' }])).to.deep.equal([
      { PathExact: '/api' },
      { PathPrefix: '/api/' },
    ]);
    expect(edgeOf(['/api'], [{ from, path: '/api/x' }])).to.deep.equal([{ PathExact: '/api/x' }]);
    expect(edgeOf(['/api'], [{ from, path: '/admin' }]), 'nothing is left').to.equal('deny');
    // /public/../admin/v1/x passes the gateway's prefix and then meets the expression.
    const expression = [{ from, pathRegex: '/[a-z]+/v[0-9]+/.*' }];
    expect(edgeOf(['/public'], expression)).to.equal('deny');
    expect(edgeExpressions({ access: expression, expose: { hosts: ['a.example'], paths: ['/public'] } })[0]).to.include(
      'give path or pathPrefix, or expose /',
    );
    expect(edgeExpressions({ access: expression, expose: { hosts: ['a.example'], paths: ['/'] } })).to.deep.equal([]);
  });

  it('send header values as they were written, with no command of Envoy in them', () => {
    const [route] = routesOf({
      traffic: {
        routes: [
          {
            name: 'r',
            pathPrefix: '/r/',
            requestHeaders: { add: { 'x-a': '%REQ(cookie)%' } },
            responseHeaders: { set: { 'x-discount': '50% off' }, remove: ['x-c'] },
          },
        ],
      },
    });
    expect(route?.Destination).to.have.deep.nested.property('ResponseHeaders.Set', { 'x-discount': '50%% off' });
    expect(route?.Destination).to.have.nested.property('ResponseHeaders.Remove').that.includes('x-c');
    expect(route?.Destination).to.have.deep.nested.property('RequestHeaders.Add', { 'x-a': '%%REQ(cookie)%%' });
  });

  it('carry the limits of a service in the defaults of each caller', () => {
    const caller = aMeshService('web', {
      upstreams: [
        { service: 'a', localPort: 1 },
        { service: 'b', localPort: 2 },
      ],
    });
    const traffic = { limits: { maxConnections: 3 }, failover: [{ from: '*', to: ['service:c'] }] };
    const [defaults] = configEntries(caller, 'me', (service) => (service === 'a' ? traffic : undefined));
    const passive = { Interval: '10s', MaxFailures: 5, BaseEjectionTime: '30s' };
    expect(defaults?.['UpstreamConfig']).to.deep.equal({
      Defaults: { PassiveHealthCheck: { ...passive, MaxEjectionPercent: 50 } },
      Overrides: [
        { Name: 'a', Limits: { MaxConnections: 3 }, PassiveHealthCheck: { ...passive, MaxEjectionPercent: 100 } },
      ],
    });
  });
});
