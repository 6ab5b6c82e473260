import fc from 'fast-check';
import { z } from 'zod';
import { withoutDefault } from '../../../charts/template/values-tree.ts';
import { valuesSchema } from '../../../charts/values/schema.ts';

/** Any values file that the schema takes: each key there or not, texts of any characters its pattern allows. */
export const arbitraryValues = (): fc.Arbitrary<object> => objectOf(valuesSchema) as fc.Arbitrary<object>;

const objectOf = (schema: z.ZodObject): fc.Arbitrary<unknown> =>
  fc.record(
    Object.fromEntries(Object.entries(schema.shape).map(([key, below]) => [key, arbitraryOf(below as z.ZodType)])),
    { requiredKeys: [] },
  );

const anyText = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });
const labelKey = fc.stringMatching(/^[a-z]([-a-z0-9.]{0,8}[a-z0-9])?(\/[a-z]{1,8})?$/);

const affinities = [
  {},
  {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'pool', operator: 'In', values: ['{{ a }}', 'b'] }] }],
      },
    },
  },
  {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 100, podAffinityTerm: { topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } } } },
      ],
    },
  },
];

function arbitraryOf(schema: z.ZodType): fc.Arbitrary<unknown> {
  const inner = withoutDefault(schema);
  if (inner instanceof z.ZodObject) return objectOf(inner);
  if (inner instanceof z.ZodArray) {
    const list = inner.meta()?.['uniqueItems'] === true ? fc.uniqueArray : fc.array;
    return list(arbitraryOf(inner.element as z.ZodType), { maxLength: 3 });
  }
  if (inner instanceof z.ZodRecord) {
    // edge.hosts.
    if (inner.valueType instanceof z.ZodArray)
      return fc.dictionary(fc.constantFrom('*', 'shop.example', '*.shop.example'), arbitraryOf(inner.valueType), {
        noNullPrototype: true,
      });
    // The one map with more than texts and lists: a class of cdk8s knows its fields, and drops others.
    if (!(inner.valueType instanceof z.ZodString)) return fc.constantFrom(...affinities);
    return fc.dictionary(labelKey, anyText, { maxKeys: 3, noNullPrototype: true });
  }
  if (inner instanceof z.ZodEnum) return fc.constantFrom(...(inner.options as string[]));
  if (inner instanceof z.ZodUnion) return fc.oneof(...(inner.options as z.ZodType[]).map(arbitraryOf));
  if (inner instanceof z.ZodLiteral) return fc.constantFrom(...inner.values);
  if (inner instanceof z.ZodBoolean) return fc.boolean();
  if (inner instanceof z.ZodNumber) {
    return fc.integer({
      min: Math.max(inner.minValue ?? -1000, -2147483648),
      max: Math.min(inner.maxValue ?? 1000, 2147483647),
    });
  }
  if (inner instanceof z.ZodString) return textOf(inner);
  throw new Error(`no values are made yet for a ${inner.def.type}`);
}

function textOf(schema: z.ZodString): fc.Arbitrary<string> {
  const { pattern } = z.toJSONSchema(schema) as { pattern?: string };
  const text = pattern === undefined ? anyText : fc.stringMatching(new RegExp(pattern));
  return text.filter((one) => schema.safeParse(one).success);
}
