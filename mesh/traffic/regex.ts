import type { MeshService } from '../../crds/mesh-service.ts';
import type { TrafficProblem } from './problems.ts';

/** What JavaScript takes and RE2, Envoy's engine, does not: it never goes back (https://github.com/google/re2/wiki/Syntax). */
const NOT_RE2 = /\(\?(?:=|!|<=|<!)|\\[1-9]/;

/** A sidecar refuses its whole configuration for one expression that it cannot read, so none may get there. */
export function regexProblems({ spec }: MeshService): TrafficProblem[] {
  const given: [string, string | undefined][] = [
    ...(spec.traffic?.routes ?? []).flatMap((route): [string, string | undefined][] => [
      [`route "${route.name}"`, route.pathRegex],
      ...[...(route.headers ?? []), ...(route.query ?? [])].map(({ name, regex }): [string, string | undefined] => [
        `route "${route.name}", ${name}`,
        regex,
      ]),
    ]),
    ...(spec.access ?? []).flatMap((rule): [string, string | undefined][] => [
      [`access of ${rule.from}`, rule.pathRegex],
      ...(rule.headers ?? []).map(({ name, regex }): [string, string | undefined] => [
        `access of ${rule.from}, ${name}`,
        regex,
      ]),
    ]),
  ];
  return given.flatMap(([where, text]) => {
    const why = text === undefined ? undefined : problemOf(text);
    if (why === undefined) return [];
    return [
      {
        weight: 'refuse' as const,
        reason: 'TrafficRefused' as const,
        message: `${where}: the regular expression ${JSON.stringify(text)} ${why}`,
      },
    ];
  });
}

function problemOf(text: string): string | undefined {
  if (NOT_RE2.test(text)) return 'looks ahead, behind or back, which RE2 cannot: write it without';
  try {
    new RegExp(text.replace(/\(\?[imsU]+\)/g, ''), 'u');
    return undefined;
  } catch {
    // RE2 knows a few escapes that JavaScript does not; without the flag JavaScript lets those pass.
    try {
      new RegExp(text.replace(/\(\?[imsU]+\)/g, ''));
      return undefined;
    } catch (error) {
      return `is none (${(error as Error).message.replace(/^Invalid regular expression: /, '')}): mend it`;
    }
  }
}
