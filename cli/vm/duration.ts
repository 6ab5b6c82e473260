import { Problem } from '../../base/problem.ts';

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000 };

/** Milliseconds of `500ms`, `5s` or `1m`. Throws a Problem. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  if (!match) throw new Problem(`${text} is not a duration: write for example 500ms, 5s or 1m.`);
  return Number(match[1]) * UNITS[match[2]!]!;
}
