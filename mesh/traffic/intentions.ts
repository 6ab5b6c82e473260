import type { AccessRule } from '../../crds/access.ts';
import { type Match, httpMatch } from './http-match.ts';
import { ANY_PATH, MISLEADING_EXPRESSIONS, MISLEADING_PATH } from './path-guard.ts';

type Json = Record<string, unknown>;

/** Everybody who was not named. Written for each service, so that an intention "* -> *" of another hand opens none of ours. */
const NOBODY_ELSE: Json = { Name: '*', Action: 'deny' };

/**
 * Sources of service-intentions, in the order in which Consul answers them (by precedence: names before `*`), so that
 * they compare equal. Without any rule there is still one source: nobody may call.
 *
 * Consul asks only the most exact source that fits a caller. A call is to be allowed when *any* rule allows it, so the
 * rules for `*` are repeated under each name. `alone` is a source for which they are not, and its rules.
 */
export function intentionSources(access: AccessRule[], alone?: { name: string; rules: AccessRule[] }): Json[] {
  const named = [...access.map(({ from }) => from), ...(alone === undefined ? [] : [alone.name])];
  const names = [...new Set(named)].sort((a, b) => Number(a === '*') - Number(b === '*') || (a < b ? -1 : 1));
  const sources = names.map((name) => {
    const rules = name === alone?.name ? alone.rules : access.filter(({ from }) => from === name || from === '*');
    if (rules.some(isPlain)) return { Name: name, Action: 'allow' };
    return rules.length === 0 ? { Name: name, Action: 'deny' } : { Name: name, Permissions: permissions(rules) };
  });
  return names.includes('*') ? sources : [...sources, NOBODY_ELSE];
}

/**
 * Permissions of one source. Consul takes the first that fits, so rules that look at no path come before the refusal of
 * misleading paths, and expressions after a narrower one. A last one refuses every other request: Consul's own default
 * may be to allow, in servers that were there before.
 */
function permissions(rules: AccessRule[]): Json[] {
  const expressions = rules.filter(({ pathRegex }) => pathRegex !== undefined);
  const paths = rules.filter((rule) => rule.pathRegex === undefined && looksAtPath(rule));
  const others = rules.filter((rule) => rule.pathRegex === undefined && !looksAtPath(rule));
  return [
    ...others.map(allow),
    ...(paths.length + expressions.length === 0 ? [] : [deny(MISLEADING_PATH)]),
    ...paths.map(allow),
    ...(expressions.length === 0 ? [] : [deny(MISLEADING_EXPRESSIONS)]),
    ...expressions.map(allow),
    deny(ANY_PATH),
  ];
}

/** Allows a caller everything. */
const isPlain = ({ methods, path, pathPrefix, pathRegex, headers }: AccessRule): boolean =>
  [methods, path, pathPrefix, pathRegex, headers].every((given) => given === undefined);

/** The prefix / is every path. */
const looksAtPath = ({ path, pathPrefix }: AccessRule): boolean =>
  path !== undefined || (pathPrefix !== undefined && pathPrefix !== '/');

const allow = (rule: Match): Json => ({ Action: 'allow', HTTP: httpMatch(rule) });
const deny = (pathRegex: string): Json => ({ Action: 'deny', HTTP: httpMatch({ pathRegex }) });
