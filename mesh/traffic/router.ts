import { METHODS } from '../../crds/http-match.ts';
import type { HeaderChange, Retries, Route, Traffic } from '../../crds/traffic.ts';
import type { MeshServiceSpec } from '../../crds/mesh-service.ts';
import { literalValues } from './header-value.ts';
import { httpMatch } from './http-match.ts';
import { limitsOf } from './limits.ts';
import { type PathWay, pathWays } from './rewrite.ts';
import { LOST_HEADER, UNSEEN_HEADER } from './sidecar-options.ts';
import { subsetName } from './subset.ts';

type Json = Record<string, unknown>;
type Protocol = MeshServiceSpec['protocol'];

const ATTEMPTS = 2;
const CONDITIONS: NonNullable<Retries['on']> = ['connect-failure', 'refused-stream', 'reset'];

/** RFC 9110 section 9.2.2. */
const IDEMPOTENT = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'];
/** No instance has begun to work on such a request, so it can be sent again with any method. */
const UNSEEN = ['connect-failure', 'refused-stream'];

/**
 * service-router: routes, timeouts and retries, for http, http2 and grpc. Consul has retries per route and no way to
 * say "for these methods", so a route whose retries depend on the method is written twice: first for idempotent methods.
 */
export function routerFields(traffic: Traffic = {}, protocol: Protocol = 'http'): Json {
  const everything: Partial<Route> = {};
  return { Routes: [...(traffic.routes ?? []), everything].flatMap((route) => expand(route, traffic, protocol)) };
}

function expand(route: Partial<Route>, traffic: Traffic, protocol: Protocol): Json[] {
  return pathWays(route).flatMap(({ match, rewrite }) => {
    const { headers, query } = route;
    const both = [...(match.headers ?? []), ...(headers ?? [])];
    return triesOf(route, traffic).map(({ methods, limits, retries }) => ({
      Match: { HTTP: httpMatch({ ...match, methods, query, headers: both.length === 0 ? undefined : both }) },
      Destination: { ...destination(withOurs(route, retries, protocol), rewrite), ...limits, ...retries },
    }));
  });
}

/** How requests of these methods are tried. */
export interface Tries {
  /** Undefined: all that none before it has. */
  methods: string[] | undefined;
  /** RequestTimeout and IdleTimeout, as Consul spells them. */
  limits: Json;
  /** Consul's fields; none: not tried again. */
  retries: Json;
}

/** One or two: where retries depend on the method, those of idempotent methods come first. */
export function triesOf(route: Partial<Route>, traffic: Traffic): Tries[] {
  const retries = route.retries ?? traffic.retries ?? {};
  const { attempts = ATTEMPTS, on = CONDITIONS, statusCodes = [] } = retries;
  const limits = limitsOf(route, traffic);
  const one = (methods: string[] | undefined, conditions: string[], codes: number[]): Tries => ({
    methods,
    limits,
    retries: retryFields(attempts, conditions, codes),
  });
  const unseen = on.filter((condition) => UNSEEN.includes(condition));
  const alike = unseen.length === on.length && statusCodes.length === 0;
  if (attempts === 0 || retries.methods === 'All' || alike) return [one(route.methods, on, statusCodes)];
  const methods: string[] = route.methods ?? [...METHODS];
  const idempotent = methods.filter((method) => IDEMPOTENT.includes(method));
  if (idempotent.length === 0) return [one(route.methods, unseen, [])];
  if (idempotent.length === methods.length) return [one(route.methods, on, statusCodes)];
  const rest = route.methods?.filter((method) => !IDEMPOTENT.includes(method));
  return [one(idempotent, on, statusCodes), one(rest, unseen, [])];
}

/** The marks of a callee's sidecar, which no app of a caller sees. */
export const MARKS: readonly string[] = [LOST_HEADER, UNSEEN_HEADER];

/** Consul has no field for a header on which to try again. Envoy takes these of a request, and its router takes them off. */
export const onMark = (mark: string) => ({
  'x-envoy-retry-on': 'retriable-headers',
  'x-envoy-retriable-header-names': mark,
});

/** The mark on which a request is tried again: a lost connection is also one that the callee's own sidecar lost. undefined: none. */
export function triedMark(retries: Json): string | undefined {
  const on = (retries['RetryOn'] ?? []) as string[];
  if (on.includes('reset')) return LOST_HEADER;
  return UNSEEN.some((condition) => on.includes(condition)) ? UNSEEN_HEADER : undefined;
}

/**
 * Headers that are taken off a request before it goes to HTTP/2. Envoy makes CONNECT of the offer of a WebSocket (RFC 8441), which
 * Consul has no field to let in: the callee's Envoy takes it for an error of the connection, and ends all calls on it.
 */
const takenOff = (protocol: Protocol): string[] => (protocol === 'http' ? [] : ['connection', 'upgrade']);

function withOurs(route: Partial<Route>, retries: Json, protocol: Protocol): Partial<Route> {
  const { requestHeaders, responseHeaders } = route;
  const mark = triedMark(retries);
  const set = mark === undefined ? requestHeaders?.set : { ...requestHeaders?.set, ...onMark(mark) };
  const remove = [...(requestHeaders?.remove ?? []), ...takenOff(protocol)];
  const changed = {
    ...requestHeaders,
    ...(set && { set }),
    ...(remove.length === 0 ? {} : { remove }),
  };
  return {
    ...route,
    ...(Object.keys(changed).length === 0 ? {} : { requestHeaders: changed }),
    responseHeaders: { ...responseHeaders, remove: [...(responseHeaders?.remove ?? []), ...MARKS] },
  };
}

const retryFields = (attempts: number, conditions: string[], codes: number[]): Json =>
  attempts === 0 || (conditions.length === 0 && codes.length === 0)
    ? {}
    : {
        NumRetries: attempts,
        ...(conditions.length === 0 ? {} : { RetryOn: [...conditions].sort() }),
        ...(codes.length === 0 ? {} : { RetryOnStatusCodes: [...codes].sort((a, b) => a - b) }),
      };

function destination(route: Partial<Route>, rewrite: PathWay['rewrite']): Json {
  return {
    ...(route.service === undefined ? {} : { Service: route.service }),
    ...(route.subset === undefined ? {} : { ServiceSubset: subsetName(route.subset) }),
    ...(rewrite === undefined ? {} : { PrefixRewrite: rewrite }),
    ...headers('RequestHeaders', route.requestHeaders),
    ...headers('ResponseHeaders', route.responseHeaders),
  };
}

function headers(field: string, change: HeaderChange | undefined): Json {
  if (change === undefined) return {};
  const { add, set, remove } = change;
  return {
    [field]: {
      ...(add && { Add: literalValues(add) }),
      ...(set && { Set: literalValues(set) }),
      ...(remove && { Remove: remove }),
    },
  };
}
