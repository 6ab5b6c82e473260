import type { Route } from '../../crds/traffic.ts';
import type { Match } from './http-match.ts';

/** One route of Consul's: which paths it takes, and PrefixRewrite. */
export interface PathWay {
  match: Pick<Match, 'path' | 'pathPrefix' | 'pathRegex' | 'headers'>;
  /** None: the path stays. */
  rewrite?: string;
}

/**
 * How Consul 1.22.6 has to be told of a path, so that the app sees what the route says: the prefix is replaced character
 * by character, and stays where no rewrite is given. One or two routes, to be tried in this order.
 *
 * Consul takes "" and "/" as a rewrite for the same, a regular expression that takes the prefix and one slash after it
 * away (getRewriteActionForUserLogic in agent/xds/routes.go; hashicorp/consul#23339):
 *
 * | route                | Consul makes of "" or "/" | written here                                       |
 * |----------------------|---------------------------|----------------------------------------------------|
 * | pathPrefix /api/     | /api/x -> /x              | the prefix as its own rewrite                      |
 * | pathPrefix /, none   | //x -> /x                 | one more route before it: //, rewritten to //      |
 * | pathPrefix /old/ to / | /old//x -> /x            | one more route before it: /old//, rewritten to //  |
 * | pathPrefix /old to / | /old -> /, /old/x -> /x   | the same: what everybody wants                     |
 * | path /old to /       | /old stays                | prefix /old, where the header :path is /old        |
 * | pathRegex            | the path stays            | no rewrite                                         |
 */
export function pathWays({ path, pathPrefix, pathRegex, rewritePrefix }: Partial<Route>): PathWay[] {
  if (pathRegex !== undefined) return [{ match: { pathRegex } }];
  if (path !== undefined) return exactWays(path, rewritePrefix ?? path);
  const from = pathPrefix ?? '/';
  const to = rewritePrefix ?? from;
  const way: PathWay = { match: { pathPrefix: from }, rewrite: to };
  return to === '/' && from.endsWith('/') ? [{ match: { pathPrefix: `${from}/` }, rewrite: '//' }, way] : [way];
}

function exactWays(path: string, to: string): PathWay[] {
  if (to !== '/') return [{ match: { path }, rewrite: to }];
  // Envoy's header has the query too.
  const whole = [{ exact: path }, { prefix: `${path}?` }].map((text) => ({ name: ':path', ...text }));
  return path === '/'
    ? [{ match: { path } }]
    : whole.map((header) => ({ match: { pathPrefix: path, headers: [header] }, rewrite: to }));
}
