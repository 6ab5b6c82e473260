import type { AccessRule } from '../../crds/access.ts';
import type { Route } from '../../crds/traffic.ts';

type Json = Record<string, unknown>;
type Header = NonNullable<Route['headers']>[number];
type Query = NonNullable<Route['query']>[number];

/** The fields that routes and access rules have in common; any string is taken as a method here. */
export type Match = Partial<Pick<AccessRule, 'path' | 'pathPrefix' | 'pathRegex'>> & {
  methods?: string[] | undefined;
  headers?: Header[] | undefined;
  query?: Query[] | undefined;
};

/** HTTP match of a service-router route; that of an intention's permission is the same without `QueryParam`. */
export function httpMatch({ path, pathPrefix, pathRegex, methods, headers, query }: Match): Json {
  return {
    ...(path === undefined ? {} : { PathExact: path }),
    ...(pathPrefix === undefined ? {} : { PathPrefix: pathPrefix }),
    ...(pathRegex === undefined ? {} : { PathRegex: pathRegex }),
    ...(methods === undefined ? {} : { Methods: methods }),
    ...(headers === undefined ? {} : { Header: headers.map(valueMatch) }),
    ...(query === undefined ? {} : { QueryParam: query.map(valueMatch) }),
  };
}

const FIELDS = {
  present: 'Present',
  exact: 'Exact',
  prefix: 'Prefix',
  suffix: 'Suffix',
  regex: 'Regex',
  invert: 'Invert',
} as const;

/** Consul drops `false` and the empty string, so they are not written either. */
function valueMatch(match: Header | Query): Json {
  const given = Object.entries(FIELDS).flatMap(([field, name]) => {
    const value = (match as Json)[field];
    return value === undefined || value === false ? [] : [[name, value] as const];
  });
  return { Name: match.name, ...Object.fromEntries(given) };
}
