import type { AccessRule } from '../../crds/access.ts';
import { EDGE_SERVICE, type ExposeSettings } from '../../crds/expose.ts';
import { servedPaths } from '../served-paths.ts';

/**
 * Rules for the edge gateway at an exposed service. The gateway compares the path as it came and the sidecar after it has
 * resolved dot segments, so the paths of `expose` are enforced by the sidecar as well. Rules that name the gateway narrow
 * them; without any, all that is exposed is allowed. Rules for "*" are for services of the mesh and open nothing to it.
 */
export function edgeAccess({ paths }: ExposeSettings, access: AccessRule[]): AccessRule[] {
  const own = access.filter(({ from }) => from === EDGE_SERVICE);
  const rules: AccessRule[] = own.length === 0 ? [{ from: EDGE_SERVICE }] : own;
  const served = paths.flatMap(servedPaths);
  if (served.some(({ Match, Value }) => Match === 'prefix' && Value === '/')) return rules;
  return rules.flatMap((rule) => {
    // An expression is taken as it is: the gateway itself leads only to what is exposed.
    if (rule.pathRegex !== undefined) return [rule];
    const { path, pathPrefix, ...rest } = rule;
    return served.flatMap(({ Match, Value }): AccessRule[] => {
      if (Match === 'exact') return meets(Value) ? [{ ...rest, path: Value }] : [];
      if (path !== undefined) return path.startsWith(Value) ? [{ ...rest, path }] : [];
      if (pathPrefix === undefined || Value.startsWith(pathPrefix)) return [{ ...rest, pathPrefix: Value }];
      return pathPrefix.startsWith(Value) ? [{ ...rest, pathPrefix }] : [];
    });

    function meets(exact: string): boolean {
      if (path !== undefined) return path === exact;
      return pathPrefix === undefined || exact.startsWith(pathPrefix);
    }
  });
}
