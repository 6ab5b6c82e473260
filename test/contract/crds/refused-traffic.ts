/** Wrong or dangerous spec.traffic and spec.access, and the words of the API server that users get for each. */

const pods = { pods: { selector: { matchLabels: { app: 'web' } } } };
const both = { ...pods, external: { sites: ['rack-1'] } };
const tcp = { port: 8080, workloads: both };
const http = { ...tcp, protocol: 'http' };
const route = (fields: object) => ({ ...http, traffic: { routes: [{ name: 'r', ...fields }] } });
const traffic = (fields: object) => ({ ...http, traffic: fields });
const split = (...parts: object[]) => traffic({ split: parts });
const access = (...rules: object[]) => ({ ...http, access: rules });

type Refusal = [what: string, spec: object, words: RegExp];

/** By the schema alone: CEL and types, whether or not an operator runs. */
export const REFUSED_BY_SCHEMA: Refusal[] = [
  ['a timeout on tcp', { ...tcp, traffic: { timeout: '1s' } }, /timeout is for http.*set spec.protocol/],
  ['retries on tcp', { ...tcp, traffic: { retries: { attempts: 1 } } }, /retries is for http/],
  ['a split on tcp', { ...tcp, traffic: { split: [{ subset: 'pods', weight: 100 }] } }, /split is for http/],
  ['routes on tcp', { ...tcp, traffic: { routes: [{ name: 'a', path: '/a' }] } }, /routes is for http/],
  [
    'a hash on a header on tcp',
    { ...tcp, traffic: { loadBalancing: { policy: 'Maglev', hashOn: { header: 'x' } } } },
    /hash on source/,
  ],
  ['a duration without a unit', traffic({ timeout: '300' }), /timeout/],
  ['an idle limit on tcp', { ...tcp, traffic: { idleTimeout: '2h' } }, /idleTimeout is for http.*set spec.protocol/],
  ['an idle limit below a second', traffic({ idleTimeout: '100ms' }), /0s for no limit, or .* between 1s and 24h/],
  ['a connect timeout of nothing', traffic({ connectTimeout: '0s' }), /between 10ms and 1m/],
  ['a rewrite with a line break', route({ path: '/a', rewritePrefix: '/b\nc' }), /rewritePrefix/],
  ['a timeout of a day', traffic({ timeout: '24h' }), /between 1ms and 1h/],
  ['a connect timeout of an hour', traffic({ connectTimeout: '1h' }), /between 10ms and 1m/],
  ['a hundred retries', traffic({ retries: { attempts: 100 } }), /attempts/],
  ['a retry condition that Envoy does not know', traffic({ retries: { on: ['sometimes'] } }), /Unsupported value/],
  ['a retry condition twice', traffic({ retries: { on: ['reset', 'reset'] } }), /Duplicate/],
  ['retries on success', traffic({ retries: { statusCodes: [200] } }), /statusCodes/],
  ['a timeout per try', traffic({ retries: { perTryTimeout: '1s' } }), /unknown field.*perTryTimeout/],
  ['a policy that does not exist', traffic({ loadBalancing: { policy: 'Fastest' } }), /Unsupported value/],
  ['a ring hash on nothing', traffic({ loadBalancing: { policy: 'RingHash' } }), /need hashOn/],
  [
    'a hash for round robin',
    traffic({ loadBalancing: { policy: 'RoundRobin', hashOn: { source: true } } }),
    /other policies cannot have it/,
  ],
  [
    'a hash on two things',
    traffic({ loadBalancing: { policy: 'Maglev', hashOn: { source: true, header: 'x' } } }),
    /exactly one of header, cookie, source/,
  ],
  ['a limit of nothing', traffic({ limits: { maxConnections: 0 } }), /maxConnections/],
  ['more than all ejected', traffic({ passiveHealth: { maxEjectedPercent: 150 } }), /maxEjectedPercent/],
  ['weights that do not add up', split({ subset: 'pods', weight: 90 }, { subset: 'vms', weight: 5 }), /add up to 100/],
  ['a negative weight', split({ subset: 'pods', weight: -1 }, { subset: 'vms', weight: 101 }), /weight/],
  ['a split to nowhere', split({ weight: 100 }), /give subset or service/],
  ['a split to two places at once', split({ weight: 100, subset: 'pods', service: 'a' }), /give subset or service/],
  ['a split that names a subset twice', split({ subset: 'pods', weight: 50 }, { subset: 'pods', weight: 50 }), /twice/],
  [
    'a subset that nobody declared',
    split({ subset: 'canary', weight: 100 }),
    /a subset that does not exist: declare it/,
  ],
  [
    'the subset pods where no pods are selected',
    { ...split({ subset: 'pods', weight: 100 }), workloads: { external: { sites: ['rack-1'] } } },
    /selects none: add spec.workloads.pods/,
  ],
  [
    'the subset vms where no site is admitted',
    { ...split({ subset: 'vms', weight: 100 }), workloads: pods },
    /admits no site: add spec.workloads.external/,
  ],
  ['a subset of everything', traffic({ subsets: [{ name: 'all' }] }), /subset of everything/],
  ['a subset called pods', traffic({ subsets: [{ name: 'pods', version: 'v1' }] }), /exist by themselves/],
  [
    'a subset called like a site',
    traffic({ subsets: [{ name: 'site-a', version: 'v1' }] }),
    /may not begin with site-/,
  ],
  [
    'two subsets of one name',
    traffic({ subsets: [{ name: 'a', version: '1' }, { name: 'a', version: '2' }] }), // prettier-ignore
    /Duplicate/,
  ],
  ['a subset with capitals', traffic({ subsets: [{ name: 'Canary', version: '1' }] }), /name/],
  ['a fail over to itself', traffic({ failover: [{ from: 'vms', to: ['vms'] }] }), /failover to itself/],
  ['a fail over to nowhere', traffic({ failover: [{ from: 'vms', to: [] }] }), /to/],
  [
    'a fail over that goes twice to one',
    traffic({ failover: [{ from: 'vms', to: ['pods', 'pods'] }] }),
    /destination twice/,
  ],
  [
    'two fail overs of one subset',
    traffic({ failover: [{ from: 'vms', to: ['pods'] }, { from: 'vms', to: ['service:a'] }] }), // prettier-ignore
    /Duplicate/,
  ],
  [
    'a fail over of a subset that nobody declared',
    traffic({ failover: [{ from: 'blue', to: ['pods'] }] }),
    /does not exist/,
  ],
  ['a route for everything', route({}), /matches every request/],
  ['a route with two paths', route({ path: '/a', pathPrefix: '/b' }), /only one of path, pathPrefix and pathRegex/],
  ['a path without a slash', route({ path: 'a' }), /path/],
  ['a path with a query', route({ path: '/a?b=c' }), /path/],
  ['a route to two places', route({ path: '/a', subset: 'pods', service: 'b' }), /subset or service, not both/],
  ['a rewrite of no prefix', route({ pathRegex: '/a.*', rewritePrefix: '/b' }), /replaces path or pathPrefix/],
  [
    'a header match of two kinds',
    route({ headers: [{ name: 'x', exact: 'a', prefix: 'b' }] }),
    /exactly one of present/,
  ],
  ['a header match of none', route({ headers: [{ name: 'x' }] }), /exactly one of present/],
  ['a header with a space', route({ headers: [{ name: 'x y', present: true }] }), /name/],
  ['a method that does not exist', route({ methods: ['FETCH'] }), /Unsupported value/],
  ['a change of headers that changes nothing', route({ path: '/a', requestHeaders: {} }), /changes nothing/],
  [
    'a header that no sidecar takes',
    route({ path: '/a', requestHeaders: { set: { 'x y': '1' } } }),
    /names of headers/,
  ],
  [
    'two routes of one name',
    traffic({ routes: [{ name: 'a', path: '/a' }, { name: 'a', path: '/b' }] }), // prettier-ignore
    /same name/,
  ],
  [
    'access by method on tcp',
    { ...tcp, access: [{ from: 'a', methods: ['GET'] }] },
    /nobody can see them: set spec.protocol/,
  ],
  ['access by path on tcp', { ...tcp, access: [{ from: 'a', pathPrefix: '/' }] }, /nobody can see them/],
  ['access to two paths in one rule', access({ from: 'a', path: '/a', pathRegex: '.*' }), /write another rule/],
  [
    'a narrow rule beside one that allows all',
    access({ from: 'a' }, { from: 'a', methods: ['GET'] }),
    /already allows everything/,
  ],
  [
    'access by a header of two kinds',
    access({ from: 'a', headers: [{ name: 'x', exact: 'a', regex: 'b' }] }),
    /exactly one/,
  ],
  [
    'a header value of two lines',
    route({ path: '/a', responseHeaders: { set: { 'x-policy': 'a;\nb' } } }),
    /value of a header must be one line/,
  ],
  [
    'an empty header value',
    route({ path: '/a', requestHeaders: { add: { 'x-a': '' } } }),
    /to take a header away use remove/,
  ],
  [
    'a header value with a control character',
    route({ path: '/a', requestHeaders: { add: { 'x-a': 'a\u0001' } } }),
    /one line/,
  ],
  [
    'another host',
    route({ path: '/a', requestHeaders: { set: { host: 'backend.example' } } }),
    /cannot be changed: leave them out; a host for the app goes into x-forwarded-host/,
  ],
  ['the host taken away', route({ path: '/a', requestHeaders: { remove: ['host'] } }), /cannot be changed/],
  ['another length', route({ path: '/a', responseHeaders: { set: { 'content-length': '1' } } }), /cannot be changed/],
  ['a pseudo-header', route({ path: '/a', requestHeaders: { set: { ':path': '/b' } } }), /lower-case letters, digits/],
  ['a header name with capitals', route({ path: '/a', requestHeaders: { set: { Host: 'b' } } }), /lower-case letters/],
  ['a header value of a book', route({ path: '/a', requestHeaders: { set: { a: 'x'.repeat(1025) } } }), /1024/],
  ['a path with a blank', route({ path: '/a b' }), /percent escapes, such as %20/],
  ['a prefix in another alphabet', access({ from: 'a', pathPrefix: '/é' }), /percent escapes/],
  ['a rewrite with a line feed', route({ pathPrefix: '/a/', rewritePrefix: '/a\nb' }), /printable ASCII/],
  ['a match with a line feed', access({ from: 'a', headers: [{ name: 'x', exact: 'a\nb' }] }), /no line feed/],
  ['a query with a zero', route({ query: [{ name: 'a\u0000', present: true }] }), /no line feed/],
];

/**
 * By the operator's webhook, since they need to know of others: `other` speaks http, `plain` tcp, `around` splits to
 * `bad`; the name `taken` is held. The MeshService at hand is called `bad`, the cluster `lab`.
 */
export const REFUSED_BY_OPERATOR: Refusal[] = [
  ['a name that another MeshService holds', { ...http, service: 'taken' }, /"taken" in Consul belongs to MeshService shop\/holder: give spec.service another/],
  ['a route to itself', route({ path: '/a', service: 'bad' }), /goes round in a circle: name a subset/],
  ['a fail over to the same service', traffic({ failover: [{ from: '*', to: ['service:bad'] }] }), /goes round in a circle/],
  ['a route to a service of another protocol', route({ path: '/a', service: 'plain' }), /bad speaks http and plain.*speaks tcp.*take the route, split or fail over out/],
  ['a fail over to a service of another protocol', traffic({ failover: [{ from: '*', to: ['service:plain'] }] }), /speaks tcp/],
  ['a split to a service of another protocol', split({ service: 'plain', weight: 100 }), /speaks tcp/],
  ['a protocol that a service which leads here does not speak', { ...tcp, protocol: 'grpc' }, /around.*speaks http/],
  ['splits in a circle', split({ service: 'around', weight: 100 }), /bad -> around -> bad/],
  ['a site that is not admitted', traffic({ failover: [{ from: 'site:rack-9', to: ['pods'] }] }), /site "rack-9", where no instance can be: admit it/],
  ['a subset at a site that is not admitted', traffic({ subsets: [{ name: 'a', site: 'rack-9' }] }), /admitted: rack-1, lab/],
  ['a subset that matches nothing', traffic({ subsets: [{ name: 'a', platform: 'pod', site: 'rack-1' }] }), /matches nothing/],
  ['a connect timeout beyond the timeout', traffic({ timeout: '100ms', connectTimeout: '1s' }), /connectTimeout.*is longer than/],
  ['a route that an earlier one covers', traffic({ routes: [{ name: 'api', pathPrefix: '/api' }, { name: 'v1', path: '/api/v1' }] }), /"v1" is never used, since "api"/],
  ['a regular expression that is none', route({ pathRegex: '/a(' }), /the regular expression "\/a\(" is none/],
  ['a regular expression of Java', route({ headers: [{ name: 'x', regex: '\\p{Script=Greek}+' }] }), /route "r", x: .* is none for RE2/],
  ['a repetition that is too long for RE2', access({ from: 'a', pathRegex: '/items/[a-z]{1,1024}' }), /access of a: .* is none for RE2/],
  ['access to a path with an escaped slash', access({ from: 'a', pathPrefix: '/projects/group%2Frepo' }), /requests with such paths are refused wherever access names paths: name the service without a path/],
  ['access to a path with a dot segment', access({ from: 'a', path: '/a/../b' }), /has a dot segment/],
  ['access to a path with a letter escaped', access({ from: 'a', path: '/%61' }), /write the character itself/],
  ['a regular expression that looks ahead', access({ from: 'a', pathRegex: '/(?!admin).*' }), /which RE2 cannot/],
]; // prettier-ignore
