import type { AccessRule } from '../../crds/access.ts';
import { EDGE_SERVICE, type ExposeSettings } from '../../crds/expose.ts';
import type { MeshServiceSpec } from '../../crds/mesh-service.ts';
import { servedPaths } from './served-paths.ts';

const servesAll = (paths: ExposeSettings['paths']): boolean =>
  paths.flatMap(servedPaths).some(({ Match, Value }) => Match === 'prefix' && Value === '/');

/** Sentences about the rules that `edgeAccess` leaves out: admission refuses them. */
export function edgeExpressions({ access = [], expose }: Pick<MeshServiceSpec, 'access' | 'expose'>): string[] {
  if (expose === undefined || servesAll(expose.paths)) return [];
  return access
    .filter(({ from, pathRegex }) => from === EDGE_SERVICE && pathRegex !== undefined)
    .map(
      ({ pathRegex }) =>
        `access of ${EDGE_SERVICE}: the expression ${JSON.stringify(pathRegex)} cannot be held to spec.expose.paths: give path or pathPrefix, or expose /`,
    );
}

/**
 * Rules for the edge gateway at an exposed service. The gateway compares the path as it came and the sidecar after it has
 * resolved dot segments, so the paths of `expose` are enforced by the sidecar as well. Rules that name the gateway narrow
 * them; without any, all that is exposed is allowed. Rules for "*" are for services of the mesh and open nothing to it.
 */
export function edgeAccess({ paths }: ExposeSettings, access: AccessRule[]): AccessRule[] {
  const own = access.filter(({ from }) => from === EDGE_SERVICE);
  const rules: AccessRule[] = own.length === 0 ? [{ from: EDGE_SERVICE }] : own;
  const served = paths.flatMap(servedPaths);
  if (servesAll(paths)) return rules;
  return rules.flatMap((rule) => {
    // The gateway compares paths before dot segments are resolved, so an expression would open more than is exposed.
    if (rule.pathRegex !== undefined) return [];
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
