import { z } from 'zod';
import { Expression } from './expression.ts';

/** An expression for each value of a schema, in the schema's own shape. Lists and free maps are one value. */
export type Tree<T> = [T] extends [readonly unknown[]]
  ? Expression<T>
  : [T] extends [object]
    ? string extends keyof T
      ? Expression<T>
      : { [K in keyof T]: Tree<T[K]> }
    : Expression<T>;

export const treeOf = <S extends z.ZodType>(schema: S, path: readonly string[]): Tree<z.output<S>> =>
  branch(schema, path) as Tree<z.output<S>>;

function branch(schema: z.ZodType, path: readonly string[]): unknown {
  const inner = withoutDefault(schema);
  if (!(inner instanceof z.ZodObject)) return new Expression({ op: 'ref', path });
  const shape = inner.shape as Record<string, z.ZodType>;
  return Object.fromEntries(Object.entries(shape).map(([key, below]) => [key, branch(below, [...path, key])]));
}

export function withoutDefault(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return withoutDefault(schema.def.innerType as z.ZodType);
  }
  return schema;
}
