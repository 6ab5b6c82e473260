import { z } from 'zod';
import { VERSION_OF_PRODUCT } from '../mesh/installation/version.ts';
import { evaluate, holds, type Scope } from './template/evaluate.ts';
import { valueRules } from './values/rules.ts';
import { type Values, valuesSchema } from './values/schema.ts';

/** The problems of a values file: one line each, which starts with the key. */
export class ValuesError extends Error {
  override readonly name = 'ValuesError';
}

/** The manager that applies the objects. For Helm also the namespace and the name of the release. */
export interface Release {
  service: 'Helm' | 'landbridge';
  /** Default: landbridge. */
  name?: string;
  /** Default: `default`. */
  namespace?: string;
}

/** The scope of the chart's expressions, with the names that Helm's templates use. */
export const scopeOf = (
  values: Values,
  release: Release = { service: 'landbridge' },
  version = VERSION_OF_PRODUCT,
): Scope => ({
  Values: values,
  Release: { Name: release.name ?? 'landbridge', Namespace: release.namespace ?? 'default', Service: release.service },
  Chart: { AppVersion: version },
});

/** Fills the defaults in. Throws ValuesError that names every bad key. An empty file is an empty object. */
export function parseValues(input: unknown): Values {
  const parsed = valuesSchema.safeParse(input ?? {});
  const lines = parsed.success ? brokenRules(parsed.data) : parsed.error.issues.flatMap(linesOf);
  if (parsed.success && lines.length === 0) return parsed.data;
  throw new ValuesError(`The values cannot be used:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

function brokenRules(values: Values): string[] {
  const scope = scopeOf(values);
  return valueRules
    .filter(({ broken }) => holds(broken, scope))
    .map(({ key, message }) => `${key}: ${String(evaluate(message, scope))}`);
}

function linesOf(issue: z.core.$ZodIssue): string[] {
  const at = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [`${at || 'the file'}: ${issue.message}`];
  const known = keysAt(issue.path);
  return issue.keys.map((key) => {
    const full = [...issue.path, key].join('.');
    return `${full}: there is no such key${known.length > 0 ? `; known here: ${known.join(', ')}` : ''}`;
  });
}

/** The keys the schema has at a path. */
function keysAt(path: PropertyKey[]): string[] {
  let at: unknown = z.toJSONSchema(valuesSchema, { io: 'input' });
  for (const step of path) {
    const node = at as { properties?: Record<string, unknown>; items?: unknown };
    at = typeof step === 'number' ? node.items : node.properties?.[String(step)];
  }
  return Object.keys((at as { properties?: object } | undefined)?.properties ?? {});
}
