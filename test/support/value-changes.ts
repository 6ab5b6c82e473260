import { z } from 'zod';
import { withoutDefault } from '../../charts/template/values-tree.ts';
import { type Values, valuesSchema } from '../../charts/values/schema.ts';

/** One value of the chart and another that it may get, in a release that is there. */
export interface ValueChange {
  /** Such as `consul.servers`. */
  key: string;
  to: unknown;
}

/** The name's own end says what is meant, so that a new value of the same kind needs no line here. */
const TEXTS: [end: RegExp, to: string][] = [
  [/requests\.cpu$/, '60m'],
  [/limits\.cpu$/, '2'],
  [/requests\.memory$/, '100Mi'],
  [/limits\.memory$/, '600Mi'],
  [/^consul\.storage$/, '2Gi'],
  [/tokenTtl$/, '2h'],
  [/interval$/, '1m'],
  [/^externalConsul\.(grpc|dns)$/, 'other.example:8503'],
];
const LISTS: [end: RegExp, to: unknown[]][] = [
  [/advertise$/, ['192.0.2.77:31000']],
  [/addresses$/, ['other.example:8501']],
  [/watchNamespaces$/, ['shop']],
  [/tolerations$/, [{ key: 'mesh', operator: 'Exists' }]],
];
const AFFINITY = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } };

/** Every value of the schema with every other choice it has, or with one other text, number, list or map. */
export const valueChanges = (base: Values): ValueChange[] => changesOf(valuesSchema, base, []);

function changesOf(schema: z.ZodType, now: unknown, path: readonly string[]): ValueChange[] {
  const inner = withoutDefault(schema);
  const key = path.join('.');
  if (inner instanceof z.ZodObject)
    return Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([name, below]) =>
      changesOf(below, (now as Record<string, unknown>)[name], [...path, name]),
    );
  return othersOf(inner, now, key).map((to) => ({ key, to }));
}

function othersOf(schema: z.ZodType, now: unknown, key: string): unknown[] {
  if (schema instanceof z.ZodBoolean) return [!now];
  if (schema instanceof z.ZodEnum) return schema.options.filter((option) => option !== now);
  if (schema instanceof z.ZodUnion)
    return (schema.options as z.ZodLiteral[]).flatMap(({ values }) => [...values]).filter((one) => one !== now);
  if (schema instanceof z.ZodNumber) return [(now as number) + ((now as number) < schema.maxValue! ? 1 : -1)];
  if (schema instanceof z.ZodArray) return [LISTS.find(([end]) => end.test(key))?.[1] ?? ['other']];
  if (key === 'edge.hosts') return [{ 'shop.example': ['shop'] }];
  if (schema instanceof z.ZodRecord) return [key === 'affinity' ? AFFINITY : { 'example.org/one': 'other' }];
  if (schema instanceof z.ZodString) return [TEXTS.find(([end]) => end.test(key))?.[1] ?? 'other'];
  throw new Error(`no other value is known for ${key}, a ${schema.def.type}`);
}

/** The same values with one changed. */
export function withValue(values: object, { key, to }: ValueChange): object {
  const copy = structuredClone(values) as Record<string, unknown>;
  const steps = key.split('.');
  let at = copy;
  for (const step of steps.slice(0, -1)) at = (at[step] ??= {}) as Record<string, unknown>;
  at[steps.at(-1)!] = to;
  return copy;
}
