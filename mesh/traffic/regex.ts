import type { MeshService } from '../../crds/mesh-service.ts';
import type { TrafficProblem } from './problems.ts';
import { re2Problem } from './re2.ts';

/** Each expression is compiled to be judged, so their number is bounded. */
const MAX_EXPRESSIONS = 128;

/** The problems of a spec: each walk asks again, and a spec is replaced, never changed. */
const judged = new WeakMap<MeshService['spec'], TrafficProblem[]>();

/** A proxy refuses its whole listener or route table for one expression that it cannot read, so none may get there. */
export function regexProblems({ spec }: MeshService): TrafficProblem[] {
  const known = judged.get(spec);
  if (known !== undefined) return known;
  const problems = problemsOf(spec);
  judged.set(spec, problems);
  return problems;
}

function problemsOf(spec: MeshService['spec']): TrafficProblem[] {
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
  const expressions = given.flatMap(([where, text]) => (text === undefined ? [] : [{ where, text }]));
  if (expressions.length > MAX_EXPRESSIONS)
    return [
      refuse(
        `spec.traffic and spec.access have ${expressions.length} regular expressions, and ${MAX_EXPRESSIONS} is the most: use path, pathPrefix, exact, prefix or suffix where they say the same`,
      ),
    ];
  return expressions.flatMap(({ where, text }) => {
    const why = re2Problem(text);
    return why === undefined ? [] : [refuse(`${where}: the regular expression ${JSON.stringify(text)} ${why}`)];
  });
}

const refuse = (message: string): TrafficProblem => ({ weight: 'refuse', reason: 'TrafficRefused', message });
