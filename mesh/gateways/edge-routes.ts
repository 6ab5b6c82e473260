import { EDGE_SERVICE } from '../../crds/expose.ts';
import type { Exposure } from './exposure.ts';
import type { ConfigEntry } from '../catalog/entry.ts';
import { servedPaths } from '../traffic/served-paths.ts';
import { IDLE_TIMEOUT } from '../traffic/limits.ts';
import { type PathWay, pathWays } from '../traffic/rewrite.ts';
import { MARKS, type Tries, onMark, triedMark, triesOf } from '../traffic/router.ts';

/** An entry that has yet to be marked with its owner. */
export type Unowned = Pick<ConfigEntry, 'Kind' | 'Name'> & Record<string, unknown>;
type Json = Record<string, unknown>;

const parent = (SectionName: string) => [{ Kind: 'api-gateway', Name: EDGE_SERVICE, SectionName }];

/**
 * A route that is always there and leads to nobody. Consul 1.22 ends its watches of services that are not served any longer only when it hears of a route that still is (handleRouteConfigUpdate in agent/proxycfg/api_gateway.go). Without any, the watch of the last one stays, its news are thrown away, and when that service is exposed again Consul thinks it has
 * a watch: Envoy then waits for a route that never comes. A route needs a service of its protocol to be bound: the
 * gateway's own name, which has no instance that could be called.
 */
export const FIRST_ROUTE: Unowned[] = [
  { Kind: 'service-defaults', Name: EDGE_SERVICE, Protocol: 'http' },
  {
    Kind: 'http-route',
    Name: EDGE_SERVICE,
    Parents: parent('http'),
    // RFC 2606: nobody's.
    Hostnames: [`${EDGE_SERVICE}.invalid`],
    Rules: [{ Services: [{ Name: EDGE_SERVICE, Weight: 1 }] }],
  },
];

/** One route for hosts as they are, which Consul compares, and one for all other spellings of a host and for hosts with a star. */
export function httpRoutes({ service, expose, traffic }: Exposure): Unowned[] {
  const tries = triesOf({}, traffic ?? {});
  const whole = expose.hosts.filter((host) => !isWildcard(host));
  const wild = expose.hosts.filter(isWildcard);
  const route = (Name: string, Hostnames: string[], headers: Json[][]): Unowned => ({
    Kind: 'http-route',
    Name,
    Parents: parent(expose.tlsSecret === undefined ? 'http' : 'https'),
    ...(Hostnames.length === 0 ? {} : { Hostnames }),
    Rules: expose.paths.flatMap(waysOf).flatMap((way) => tries.map((each) => rule(service, way, each, headers))),
  });
  return [
    ...(whole.length === 0 ? [] : [route(service, whole, [[]])]),
    route(
      `${service}.wildcard`,
      [],
      [...(whole.length === 0 ? [] : [spelledOtherwise(whole)]), ...(wild.length === 0 ? [] : [belowHosts(wild)])],
    ),
  ];
}

const isWildcard = (host: string): boolean => host.startsWith('*.');

/** RFC 9110: a port may follow a host, and clients write one that is not 80 or 443. A dot at the end means the same name. */
const asked = (names: string[]): Json => ({
  Match: 'regex',
  Name: ':authority',
  Value: `(?i)(${names.map((name) => name.replaceAll('.', '[.]')).join('|')})[.]?(:[0-9]*)?`,
});

/**
 * Consul compares a host with the name alone and with the port of the gateway's container. Callers know the port of a
 * node or of a load balancer, and name that one. The second look puts such a host before one with a star of the same path.
 */
const spelledOtherwise = (hosts: string[]): Json[] => [asked(hosts), { Match: 'present', Name: ':authority' }];

/** Consul takes no star in a host: the route is for any, and its rules look at the name that was asked for. */
const belowHosts = (hosts: string[]): Json[] => [asked(hosts.map((host) => host.replace('*', '[^:]+')))];

/** Said to be empty where they are not given. */
const NO_RETRIES = { NumRetries: undefined, RetryOn: undefined, RetryOnStatusCodes: undefined };

function rule(service: string, way: PathWay, { methods, limits, retries }: Tries, headers: Json[][]): Json {
  const { path, pathPrefix } = way.match;
  const Path = path === undefined ? { Match: 'prefix', Value: pathPrefix } : { Match: 'exact', Value: path };
  const mark = triedMark(retries);
  const matches = headers.map((Headers) => ({ Path, ...(Headers.length === 0 ? {} : { Headers }) }));
  return {
    Matches:
      methods === undefined ? matches : matches.flatMap((match) => methods.map((Method) => ({ ...match, Method }))),
    Filters: {
      URLRewrite: { Path: way.rewrite },
      // The gateway goes past the service's own router.
      // Both are always written, since Consul keeps other fields (mesh/catalog/covers.ts).
      TimeoutFilter: { IdleTimeout: IDLE_TIMEOUT, ...limits },
      Headers: [mark === undefined ? { Remove: Object.keys(onMark('')) } : { Set: onMark(mark) }],
      RetryFilter: Object.keys(retries).length === 0 ? undefined : { ...NO_RETRIES, ...retries },
    },
    ResponseFilters: { Headers: [{ Remove: [...MARKS] }] },
    Services: [{ Name: service, Weight: 1 }],
  };
}

const waysOf = (path: string): PathWay[] =>
  servedPaths(path).flatMap(({ Match, Value }) =>
    pathWays(Match === 'exact' ? { path: Value } : { pathPrefix: Value }),
  );
