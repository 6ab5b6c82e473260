import { z } from 'zod';
import { duration, durationOrNone } from './duration.ts';
import { headerChange } from './header-change.ts';
import { ONE_PATH, headerMatch, methods, pathFields, queryMatch, requestPath } from './http-match.ts';
import { retries } from './retries.ts';
import { loadBalancing } from './load-balancing.ts';

const LABEL = '[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?';
const NAME = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBSET = `${NAME}|site:${NAME}|(zone|version):${LABEL}`;

const serviceName = z
  .string()
  .min(1)
  .max(63)
  .regex(new RegExp(`^${NAME}$`));
const subset = z
  .string()
  .min(1)
  .max(71)
  .regex(new RegExp(`^(${SUBSET})$`));
const destination = z
  .string()
  .min(1)
  .max(71)
  .regex(new RegExp(`^(${SUBSET}|service:${NAME})$`));
/** As Kubernetes has it for values of labels; a subset names versions and zones by them. */
export const labelValue = z
  .string()
  .min(1)
  .max(63)
  .regex(new RegExp(`^${LABEL}$`));

/** Subsets that exist by themselves, besides `site:NAME`, `zone:NAME` and `version:LABEL`. */
const PLATFORM_SUBSETS = ['pods', 'vms', 'external'] as const;

const requestTimeout = durationOrNone('1ms', '1h').describe(
  'For the whole request, all tries together, until the last byte of the answer; then 504, or the answer ends there. It begins when the caller has sent all of its request, so that an open WebSocket has none. 0s: no limit, as streams of events and of gRPC need it. http, http2, grpc. Default: 15s.',
);

const idleTimeout = durationOrNone('1s', '24h').describe(
  'How long nothing may move in a request, either way, before it is ended; also in a WebSocket or a stream. 0s: no limit. http, http2, grpc. Default: 5m, or timeout where that is longer.',
);

const route = z
  .strictObject({
    name: serviceName.describe('Name of the route, for you and for messages.'),
    ...pathFields,
    methods: methods.optional().describe('Default: all.'),
    headers: z.array(headerMatch).min(1).max(8).optional().meta({ 'x-kubernetes-list-type': 'atomic' }),
    query: z.array(queryMatch).min(1).max(8).optional().meta({ 'x-kubernetes-list-type': 'atomic' }),
    subset: subset.optional().describe('Instances that answer. Default: the service as a whole, with its split.'),
    service: serviceName
      .optional()
      .describe('Another service that answers, by its name in Consul, with its own rules.'),
    rewritePrefix: requestPath
      .optional()
      .describe(
        'Put in place of path or pathPrefix, character by character: /old/ and /new/ make /new/x of /old/x, /old/ and /new make /newx of it. The query stays. Default: the path stays as it is.',
      ),
    timeout: requestTimeout.optional().describe('Default: spec.traffic.timeout.'),
    idleTimeout: idleTimeout.optional().describe('Default: spec.traffic.idleTimeout.'),
    retries: retries.optional().describe('In place of spec.traffic.retries.'),
    requestHeaders: headerChange.optional().describe('Changes the request before it is sent.'),
    responseHeaders: headerChange.optional().describe('Changes the answer before the caller sees it.'),
  })
  .meta({
    'x-kubernetes-validations': [
      ONE_PATH,
      {
        rule: 'has(self.path) || has(self.pathPrefix) || has(self.pathRegex) || has(self.methods) || has(self.headers) || has(self.query)',
        message:
          'a route matches every request, so no later one is ever used: give path, pathPrefix, pathRegex, methods, headers or query; what is for all requests belongs in spec.traffic itself',
      },
      {
        rule: '!(has(self.subset) && has(self.service))',
        message: 'a route has one destination: give subset or service, not both',
      },
      {
        rule: '!has(self.rewritePrefix) || has(self.path) || has(self.pathPrefix)',
        message: 'rewritePrefix replaces path or pathPrefix: give one of them',
      },
    ],
  });

const limit = z.int().min(1).max(1_000_000).optional();

export const traffic = z
  .strictObject({
    timeout: requestTimeout.optional(),
    idleTimeout: idleTimeout.optional(),
    connectTimeout: duration('10ms', '1m').optional().describe('For a connection to an instance. Default: 1s.'),
    retries: retries.optional(),
    loadBalancing: loadBalancing.optional().describe('Default: LeastRequest.'),
    limits: z
      .strictObject({
        maxConnections: limit.describe('Default: 1024.'),
        maxPendingRequests: limit.describe('Requests that wait for a connection. Default: 1024.'),
        maxConcurrentRequests: limit.describe('Requests under way. Default: 1024.'),
      })
      .optional()
      .describe(
        "What one caller's sidecar may have open towards this service; beyond it answers 503 at once (flag UO in the access log). http with HTTP/1.1 is bounded by connections.",
      ),
    passiveHealth: z
      .strictObject({
        mode: z.enum(['On', 'Off']).optional().describe('Default: On.'),
        failures: z
          .int()
          .min(1)
          .max(1000)
          .optional()
          .describe('Failures in a row (5xx, time-outs, lost connections) before an instance is left. Default: 5.'),
        ejectFor: duration('1s', '1h').optional().describe('Times the number of ejections so far. Default: 30s.'),
        maxEjectedPercent: z
          .int()
          .min(1)
          .max(100)
          .optional()
          .describe(
            'At most this share of the instances is left. Default: 50; 100 where spec.traffic.failover is given.',
          ),
      })
      .optional()
      .describe('Each caller leaves an instance that fails again and again, before its lease or probe says so.'),
    subsets: z
      .array(
        z
          .strictObject({
            name: serviceName.max(56),
            platform: z.enum(['pod', 'vm', 'external']).optional(),
            site: serviceName.optional().describe("A site of VMs, or the cluster's name for pods."),
            zone: labelValue.optional(),
            version: labelValue.optional(),
          })
          .meta({
            'x-kubernetes-validations': [
              {
                rule: 'has(self.platform) || has(self.site) || has(self.zone) || has(self.version)',
                message: 'a subset of everything is the service itself: give platform, site, zone or version',
              },
              {
                rule: `!(self.name in ['${PLATFORM_SUBSETS.join("', '")}'])`,
                message: `a subset's name may not be ${PLATFORM_SUBSETS.join(', ')}, which exist by themselves: choose another`,
              },
              {
                rule: "!self.name.startsWith('site-') && !self.name.startsWith('zone-') && !self.name.startsWith('version-')",
                message:
                  "a subset's name may not begin with site-, zone- or version-: refer to site:NAME, zone:NAME or version:LABEL, which exist by themselves",
              },
            ],
          }),
      )
      .max(16)
      .optional()
      .describe(
        'Named parts of the instances. pods, vms, external, site:NAME, zone:NAME, version:LABEL exist by themselves.',
      )
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
    split: z
      .array(
        z
          .strictObject({
            weight: z.int().min(0).max(100).describe('Percent of the requests. All weights add up to 100.'),
            subset: subset.optional(),
            service: serviceName.optional().describe('Another service, by its name in Consul.'),
          })
          .meta({
            'x-kubernetes-validations': [
              {
                rule: 'has(self.subset) != has(self.service)',
                message: 'each part of spec.traffic.split goes somewhere: give subset or service',
              },
            ],
          }),
      )
      .min(1)
      .max(16)
      .optional()
      .describe('http, http2, grpc: shares of the requests. Default: all instances alike.')
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
    failover: z
      .array(
        z
          .strictObject({
            from: z
              .union([subset, z.literal('*')])
              .describe(
                'When no instance of this subset can be used; "*" is the service and each subset without an entry of its own.',
              ),
            to: z
              .array(destination)
              .min(1)
              .max(8)
              .describe('Where requests go then, the first that has instances: a subset, or service:NAME.')
              .meta({ 'x-kubernetes-list-type': 'atomic' }),
          })
          .meta({
            'x-kubernetes-validations': [
              { rule: '!(self.from in self.to)', message: 'failover to itself: take "from" out of "to"' },
              {
                rule: 'self.to.all(t, self.to.exists_one(u, u == t))',
                message: 'failover names a destination twice in "to": leave one',
              },
            ],
          }),
      )
      .max(16)
      .optional()
      .describe('Default: none; callers get 503 when a subset has no instance.')
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['from'] }),
    routes: z
      .array(route)
      .max(32)
      .optional()
      .describe('http, http2, grpc: tried in order; requests that none matches go to the service.')
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
  })
  .describe('How callers reach this service. It holds for every caller in the mesh.');

export type Traffic = z.output<typeof traffic>;
export type Route = NonNullable<Traffic['routes']>[number];
export type Retries = NonNullable<Traffic['retries']>;
export type HeaderChange = z.output<typeof headerChange>;
