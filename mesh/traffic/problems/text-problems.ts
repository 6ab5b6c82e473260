import { FIXED_HEADERS, FIXED_HEADER_MESSAGE } from '../../../crds/header-change.ts';
import { TEXT_RULES } from '../../../crds/http-match.ts';
import type { MeshService } from '../../../crds/mesh-service.ts';
import type { Route } from '../../../crds/traffic.ts';
import { neverMet } from '../path-guard.ts';
import type { TrafficProblem } from './problem.ts';
import type { Match } from '../http-match.ts';

/** Where a text stands, and which of the rules it breaks. */
type Found = [where: string, message: string];

/**
 * Texts that go to Envoy as they are and that it would refuse, or that no request can meet. The schema says most of it (crds/);
 * an object that was there before the schema said so is met here.
 */
export function textProblems({ spec }: MeshService): TrafficProblem[] {
  const found = [
    ...(spec.traffic?.routes ?? []).flatMap((route) =>
      routeTexts(route).map(([where, message]): Found => [`route "${route.name}": ${where}`, message]),
    ),
    ...(spec.access ?? []).flatMap((rule) =>
      [...matchTexts(rule), ...unmet(rule)].map(([where, message]): Found => [
        `access of ${rule.from}: ${where}`,
        message,
      ]),
    ),
    ...(spec.expose?.paths ?? []).flatMap((path) =>
      unmet({ pathPrefix: path }).map(([, message]): Found => [
        `spec.expose: the path ${JSON.stringify(path)}`,
        message,
      ]),
    ),
  ];
  return found.map(([where, message]) => ({
    weight: 'refuse',
    reason: 'TrafficRefused',
    message: `${where} ${message}`,
  }));
}

const broken = (rule: keyof typeof TEXT_RULES, where: string, text: string | undefined): Found[] =>
  text === undefined || expressionOf[rule].test(text) ? [] : [[where, TEXT_RULES[rule].message]];

const expressionOf = {
  visible: new RegExp(TEXT_RULES.visible.pattern),
  path: new RegExp(TEXT_RULES.path.pattern),
  headerValue: new RegExp(TEXT_RULES.headerValue.pattern),
};

function routeTexts(route: Route): Found[] {
  const changes = [route.requestHeaders, route.responseHeaders].flatMap((change) => change ?? []);
  const names = changes.flatMap(({ add, set, remove }) => [...Object.keys({ ...add, ...set }), ...(remove ?? [])]);
  const fixed = names.filter((name) => (FIXED_HEADERS as readonly string[]).includes(name));
  return [
    ...matchTexts(route),
    ...broken('path', 'rewritePrefix', route.rewritePrefix),
    ...changes.flatMap(({ add, set }) =>
      [add, set].flatMap((each) =>
        Object.entries(each ?? {}).flatMap(([name, value]) => broken('headerValue', `the value of ${name}`, value)),
      ),
    ),
    ...(fixed.length === 0 ? [] : [[fixed.join(', '), `is changed, but ${FIXED_HEADER_MESSAGE}`] satisfies Found]),
  ];
}

function matchTexts({ path, pathPrefix, headers, query }: Match): Found[] {
  return [
    ...broken('path', 'path', path),
    ...broken('path', 'pathPrefix', pathPrefix),
    ...[...(headers ?? []), ...(query ?? [])].flatMap((match) => {
      const { exact, prefix, suffix } = match as { exact?: string; prefix?: string; suffix?: string };
      return [
        ...broken('visible', 'the name of a match', match.name),
        ...[exact, prefix, suffix].flatMap((text) => broken('visible', `the match of ${match.name}`, text)),
      ];
    }),
  ];
}

function unmet({ path, pathPrefix }: Match): Found[] {
  return [[path, false] as const, [pathPrefix, true] as const].flatMap(([text, isPrefix]): Found[] => {
    const why = text === undefined ? undefined : neverMet(text, isPrefix);
    return why === undefined ? [] : [[isPrefix ? 'pathPrefix' : 'path', why]];
  });
}
