import type { MeshService } from '../../../crds/mesh-service.ts';
import type { TrafficProblem } from './problem.ts';
import { MAX_STEPS, re2Problem, re2Steps } from './re2.ts';

/** Bounds all expressions together, since each is compiled to be judged. */
const MAX_ALL_STEPS = 2 * MAX_STEPS;

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
  const steps = expressions.reduce((sum, { text }) => sum + re2Steps(text), 0);
  if (steps > MAX_ALL_STEPS && expressions.length > 1)
    return [
      refuse(
        `the ${expressions.length} regular expressions of spec.traffic and spec.access have ${steps} steps together, and ${MAX_ALL_STEPS} are the most: use path, pathPrefix, exact, prefix or suffix where they say the same`,
      ),
    ];
  return expressions.flatMap(({ where, text }) => {
    const why = re2Problem(text);
    return why === undefined ? [] : [refuse(`${where}: the regular expression ${JSON.stringify(text)} ${why}`)];
  });
}

const refuse = (message: string): TrafficProblem => ({ weight: 'refuse', reason: 'TrafficRefused', message });
