import type { AccessRule } from '../../crds/access.ts';
import { httpMatch } from './http-match.ts';

type Json = Record<string, unknown>;

/**
 * Sources of service-intentions, in the order in which Consul answers them (by precedence: names before `*`), so that
 * they compare equal. No rule, no entry: Consul denies by default.
 *
 * Consul asks only the most exact source that fits a caller. A call is to be allowed when *any* rule allows it, so the
 * rules for `*` are repeated under each name.
 */
export function intentionSources(access: AccessRule[]): Json[] {
  const names = [...new Set(access.map(({ from }) => from))].sort(
    (a, b) => Number(a === '*') - Number(b === '*') || (a < b ? -1 : 1),
  );
  return names.map((name) => {
    const rules = access.filter(({ from }) => from === name || from === '*');
    return rules.some(isPlain)
      ? { Name: name, Action: 'allow' }
      : { Name: name, Permissions: rules.map((rule) => ({ Action: 'allow', HTTP: permission(rule) })) };
  });
}

/** Allows a caller everything. */
const isPlain = ({ methods, path, pathPrefix, pathRegex, headers }: AccessRule): boolean =>
  [methods, path, pathPrefix, pathRegex, headers].every((given) => given === undefined);

const permission = (rule: AccessRule): Json => httpMatch(rule);
