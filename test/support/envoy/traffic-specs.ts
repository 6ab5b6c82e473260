import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';

type Spec = Partial<MeshServiceSpecInput>;

const workloads: MeshServiceSpecInput['workloads'] = {
  pods: { selector: { matchLabels: { app: 'web' } } },
  external: { sites: ['rack-1'] },
};

/** Changes that people make while requests go on, in both directions. `other` is another http service. */
export const TRAFFIC_SPECS: Record<string, Spec> = {
  'plain tcp': { workloads, protocol: 'tcp' },
  'plain http': { workloads, protocol: 'http' },
  grpc: { workloads, protocol: 'grpc', traffic: { retries: { attempts: 1, methods: 'All', on: ['unavailable'] } } },
  'tcp with fail over': { workloads, protocol: 'tcp', traffic: { failover: [{ from: 'vms', to: ['pods'] }] } },
  split: {
    workloads,
    protocol: 'http',
    traffic: {
      split: [
        { subset: 'vms', weight: 90 },
        { subset: 'pods', weight: 10 },
      ],
      failover: [{ from: 'vms', to: ['pods'] }],
    },
  },
  'split another way': {
    workloads,
    protocol: 'http',
    access: [{ from: 'frontend' }],
    traffic: {
      split: [
        { subset: 'site:rack-1', weight: 50 },
        { subset: 'version:v1.2_Beta', weight: 50 },
      ],
      failover: [{ from: 'site:rack-1', to: ['version:v1.2_Beta', 'service:other'] }],
    },
  },
  'split with another service': {
    workloads,
    protocol: 'http',
    traffic: {
      split: [
        { subset: 'pods', weight: 0 },
        { service: 'other', weight: 100 },
      ],
    },
  },
  'everything of routes': {
    workloads,
    protocol: 'http',
    access: [
      { from: 'frontend', methods: ['GET'], pathPrefix: '/api' },
      { from: 'frontend', path: '/x', headers: [{ name: 'x-user', present: true }] },
      { from: '*', pathRegex: '/public/.*', headers: [{ name: 'x-deny', exact: 'no', invert: true }] },
    ],
    traffic: {
      timeout: '2s',
      connectTimeout: '250ms',
      retries: { attempts: 3, on: ['reset', 'connect-failure', '5xx'], statusCodes: [503, 429] },
      loadBalancing: { policy: 'RingHash', hashOn: { cookie: { name: 'session', ttl: '90s' } } },
      subsets: [{ name: 'canary', platform: 'pod', version: 'v2' }],
      routes: [
        {
          name: 'canary',
          pathPrefix: '/api',
          methods: ['GET', 'POST'],
          headers: [{ name: 'x-canary', exact: 'yes' }],
          query: [{ name: 'debug', present: true }],
          subset: 'canary',
          rewritePrefix: '/v2',
          timeout: '500ms',
          requestHeaders: { add: { 'x-a': '1' }, set: { 'x-b': '2' }, remove: ['x-c'] },
          responseHeaders: { set: { 'x-from': 'canary' } },
        },
        { name: 'other', path: '/other', service: 'other', retries: { attempts: 0 } },
        { name: 'regex', pathRegex: '/r/[0-9]+', retries: { methods: 'All' } },
        { name: 'root', path: '/old', rewritePrefix: '/' },
        { name: 'events', pathPrefix: '/events/', rewritePrefix: '/', timeout: '0s', idleTimeout: '0s' },
      ],
      failover: [{ from: '*', to: ['service:other'] }],
    },
  },
  'no limits': { workloads, protocol: 'http', traffic: { timeout: '0s', idleTimeout: '90m' } },
  'hash on a header': {
    workloads,
    protocol: 'http2',
    access: [{ from: '*' }],
    traffic: { loadBalancing: { policy: 'Maglev', hashOn: { header: 'x-user' } } },
  },
  'hash on the source': {
    workloads,
    protocol: 'tcp',
    traffic: { loadBalancing: { policy: 'RingHash', hashOn: { source: true } }, connectTimeout: '1m30s' },
  },
  'calls others': {
    workloads,
    protocol: 'http',
    upstreams: [
      { service: 'other', localPort: 9191 },
      { service: 'limited', localPort: 9292 },
    ],
  },
};
