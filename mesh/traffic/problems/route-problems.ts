import type { Route } from '../../../crds/traffic.ts';
import type { TrafficProblem } from './problem.ts';

export const routeProblems = (routes: Route[]): TrafficProblem[] => [...neverUsed(routes), ...oddRewrites(routes)];

/** The prefix is replaced character by character: with a slash at the end of one alone, words run together or slashes double. */
function oddRewrites(routes: Route[]): TrafficProblem[] {
  return routes.flatMap(({ name, pathPrefix, rewritePrefix }) => {
    if (pathPrefix === undefined || rewritePrefix === undefined || rewritePrefix === '/') return [];
    if (pathPrefix.endsWith('/') === rewritePrefix.endsWith('/')) return [];
    const without = pathPrefix.replace(/\/$/, '');
    const example = `${without}/x becomes ${`${without}/x`.replace(pathPrefix, () => rewritePrefix)}`;
    return [
      {
        weight: 'warn' as const,
        reason: 'TrafficRefused' as const,
        message: `the route "${name}" has a slash at the end of one of pathPrefix and rewritePrefix alone, so that ${example}: end both with a slash, or neither`,
      },
    ];
  });
}

/** Routes are tried in order, so one that an earlier one covers is never used. */
function neverUsed(routes: Route[]): TrafficProblem[] {
  return routes.flatMap((route, index) => {
    const covering = routes.slice(0, index).find((earlier) => covers(earlier, route));
    if (covering === undefined) return [];
    return [
      {
        weight: 'refuse' as const,
        reason: 'TrafficRefused' as const,
        message: `the route "${route.name}" is never used, since "${covering.name}" before it matches all of its requests: put it before that one, or take it out`,
      },
    ];
  });
}

/** Certain cases only: true means covered for sure. */
function covers(wide: Route, narrow: Route): boolean {
  if (wide.headers !== undefined || wide.query !== undefined) return false;
  return coversMethods(wide.methods, narrow.methods) && coversPath(wide, narrow);
}

const coversMethods = (wide: Route['methods'], narrow: Route['methods']): boolean =>
  wide === undefined || (narrow !== undefined && narrow.every((method) => wide.includes(method)));

function coversPath(wide: Route, narrow: Route): boolean {
  if (wide.pathRegex !== undefined) return wide.pathRegex === narrow.pathRegex;
  if (wide.path !== undefined) return wide.path === narrow.path;
  if (wide.pathPrefix === undefined || wide.pathPrefix === '/') return true;
  return [narrow.path, narrow.pathPrefix].some((path) => path?.startsWith(wide.pathPrefix!));
}
