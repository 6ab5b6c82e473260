import { z } from 'zod';

type Json = Record<string, unknown>;

const INT_OR_STRING = 'x-kubernetes-int-or-string';
const DROPPED = new Set(['$schema', 'additionalProperties']);

/**
 * zod -> the structural schema a CRD takes (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema):
 * no `additionalProperties: false` (unknown fields are pruned, and refused by `kubectl apply` under strict field
 * validation), no unions, int-or-string by extension.
 */
export function structuralSchema(type: z.ZodType): Json {
  return convert(z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input', reused: 'inline' }) as Json);
}

function convert(schema: Json): Json {
  const { anyOf, ...rest } = schema;
  if (rest[INT_OR_STRING] === true) {
    delete rest.type;
    return rest;
  }
  if (Array.isArray(anyOf)) return { ...convert(rest), ...union(anyOf as Json[]) };
  const out: Json = {};
  for (const [key, value] of Object.entries(rest)) {
    if (key === 'properties') out[key] = mapValues(value as Record<string, Json>, convert);
    else if (key === 'items') out[key] = convert(value as Json);
    else if (key === 'additionalProperties' && typeof value === 'object') out[key] = convert(value as Json);
    else if (key === 'propertyNames') continue;
    else if (!DROPPED.has(key)) out[key] = value;
  }
  return out;
}

/** A union of strings becomes one string whose pattern allows each of them. */
function union(members: Json[]): Json {
  const patterns = members.map((member) =>
    Array.isArray(member.enum)
      ? `^(${member.enum.map((v) => String(v).replace(/[*.]/g, '\\$&')).join('|')})$`
      : String(member.pattern),
  );
  if (members.some((member) => member.type !== 'string'))
    throw new Error('only unions of strings can be made structural');
  const maxLength = Math.max(...members.map((member) => Number(member.maxLength ?? 1)));
  return { type: 'string', minLength: 1, maxLength, pattern: patterns.join('|') };
}

const mapValues = (object: Record<string, Json>, change: (value: Json) => Json): Json =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
