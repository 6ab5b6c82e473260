import fc from 'fast-check';

/** As much of JSON Schema as zod writes for the bodies of the bridge's API. */
export interface Schema {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
}

/** Values that fit the schema; strings and lists stay short. Patterns with look-arounds are not kept to. */
export function fitting(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) return fc.oneof(...either.map(fitting));
  switch (schema.type) {
    case 'object': {
      const fields = Object.entries(schema.properties ?? {}).map(([key, value]) => [key, fitting(value)] as const);
      const requiredKeys = (schema.required ?? []) as never[];
      return fc.record(Object.fromEntries(fields), { requiredKeys });
    }
    case 'array':
      return fc.array(fitting(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.max(schema.minItems ?? 0, Math.min(schema.maxItems ?? 4, 4)),
      });
    case 'integer':
    case 'number':
      return fc.integer({ min: Math.max(schema.minimum ?? 0, -1e9), max: Math.min(schema.maximum ?? 1e9, 1e9) });
    case 'boolean':
      return fc.boolean();
    case 'string':
      return text(schema);
    default:
      return fc.jsonValue();
  }
}

function text({ format, pattern, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  if (format === 'ipv4') return fc.ipV4();
  if (format === 'ipv6') return fc.ipV6();
  if (format === 'hostname') return fc.domain();
  const top = Math.max(minLength, Math.min(maxLength, 40));
  if (pattern === undefined || pattern.includes('(?')) return fc.string({ minLength, maxLength: top });
  return fc.stringMatching(new RegExp(pattern), { size: '-1' }).map((value) => value.slice(0, maxLength));
}

/** A value that is nearly right: something in it is left out, added, of another type, or very large. */
export const nearly = (schema: Schema): fc.Arbitrary<unknown> =>
  fc
    .tuple(
      fitting(schema),
      fc.nat(),
      fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(null, -1, 1e308, '', '../..', '\u0000', 'x'.repeat(5000))),
    )
    .map(([value, where, odd]) => changed(value, where, odd));

function changed(value: unknown, where: number, odd: unknown): unknown {
  if (typeof value !== 'object' || value === null) return odd;
  const keys = Object.keys(value);
  const choice = where % (keys.length + 2);
  if (choice === keys.length) return odd;
  if (choice === keys.length + 1)
    return Array.isArray(value) ? [...(value as unknown[]), odd] : { ...value, unheardOf: odd };
  const key = keys[choice]!;
  const rest = Math.floor(where / (keys.length + 2));
  if (Array.isArray(value))
    return (value as unknown[]).map((one, index) => (String(index) === key ? changed(one, rest, odd) : one));
  const next = changed((value as Record<string, unknown>)[key], rest, odd);
  const { [key]: _, ...others } = value as Record<string, unknown>;
  return rest % 5 === 0 ? others : { ...others, [key]: next };
}
