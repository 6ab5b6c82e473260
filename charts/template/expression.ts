/**
 * A term that depends on the values of an installation. The chart is written once over such terms; from it come the objects for
 * given values (evaluate.ts) and Helm's templates (print.ts). Both must know every kind of node below.
 */
export type Node =
  /** A value by its path, such as Values.operator.replicas. */
  | { op: 'ref'; path: readonly string[] }
  | { op: 'text'; parts: readonly (string | Expression<string>)[] }
  /** A number or a boolean as text. */
  | { op: 'decimal'; of: Expression<unknown> }
  | { op: 'join'; list: Expression<readonly string[]>; by: string }
  | { op: 'times'; of: Expression<number>; by: number }
  /** False for '', 0, false, {} and [], which Helm calls empty. */
  | { op: 'given'; of: Expression<unknown> }
  | { op: 'not'; of: Expression<boolean> }
  | { op: 'every' | 'some'; of: readonly Expression<boolean>[] }
  | { op: 'equal'; left: Expression<unknown>; right: Expression<unknown> | string | number | boolean }
  | { op: 'moreThan'; left: Expression<number>; right: number }
  /** Without `otherwise` and when not met: no such key of a map, no such item of a list. */
  | { op: 'when'; condition: Expression<boolean>; then: unknown; otherwise: unknown }
  /** Within a list: one item for each of another list. */
  | { op: 'each'; list: Expression<readonly unknown[]>; variable: string; item: unknown }
  /** A map with the entries of another, which come before those of the same key. */
  | { op: 'merged'; base: Record<string, unknown>; more: Expression<Record<string, unknown>> }
  /** Ten characters that change with a map. */
  | { op: 'hash'; of: unknown }
  /** Indented JSON of a map, with sorted keys, as text. */
  | { op: 'json'; of: unknown };

/** Stands for a T that is known once the values are. */
export class Expression<T> {
  declare protected readonly stands: T;
  readonly node: Node;
  constructor(node: Node) {
    this.node = node;
  }
  /** Written into text by mistake it would read as an object. */
  toString(): never {
    throw new Error('an expression was used as text: write text`...` instead of `...`');
  }
}

type Scalar = string | number | boolean | null | undefined;

/** A T with expressions in place of any of its parts. */
export type Symbolic<T> =
  | Expression<T>
  | (T extends Scalar
      ? T
      : T extends readonly (infer I)[]
        ? readonly (Symbolic<I> | Expression<readonly I[]>)[]
        : Parts<T>);

/** The same for an object that is a plain value itself. */
export type Parts<T> = { [K in keyof T]: Symbolic<T[K]> };

/** Template literals: text`${values.host}:8501`. */
export const text = (
  strings: TemplateStringsArray,
  ...parts: readonly (string | Expression<string>)[]
): Expression<string> =>
  new Expression({ op: 'text', parts: strings.flatMap((string, index) => [string, parts[index] ?? '']) });

export const join = (list: Expression<readonly string[]>, by: string): Expression<string> =>
  new Expression({ op: 'join', list, by });
export const times = (of: Expression<number>, by: number): Expression<number> =>
  new Expression({ op: 'times', of, by });
export const given = (of: Expression<unknown>): Expression<boolean> => new Expression({ op: 'given', of });
export const not = (of: Expression<boolean>): Expression<boolean> => new Expression({ op: 'not', of });
export const every = (...of: Expression<boolean>[]): Expression<boolean> => new Expression({ op: 'every', of });
export const some = (...of: Expression<boolean>[]): Expression<boolean> => new Expression({ op: 'some', of });
export const moreThan = (left: Expression<number>, right: number): Expression<boolean> =>
  new Expression({ op: 'moreThan', left, right });
export const equal = <T extends string | number | boolean>(
  left: Expression<T>,
  right: Expression<T> | NoInfer<T>,
): Expression<boolean> => new Expression({ op: 'equal', left, right });

export const when = <T>(
  condition: Expression<boolean>,
  then: Symbolic<T>,
  otherwise?: Symbolic<NoInfer<T>>,
): Expression<T> => new Expression({ op: 'when', condition, then, otherwise });

/** The value unless it is empty: then no such key, or no such item. */
export const ifGiven = <T>(value: Expression<T>): Expression<T> => when<T>(given(value), value);

let variables = 0;
/** Stands for each item of a list in turn. */
export function newVariable<I>(): { name: string; expression: Expression<I> } {
  const name = `one${++variables}`;
  return { name, expression: new Expression({ op: 'ref', path: [name] }) };
}

/** Spreads into the list it stands in. */
export function each<I, T>(list: Expression<readonly I[]>, item: (one: Expression<I>) => Parts<T>): Expression<T[]> {
  const { name, expression } = newVariable<I>();
  return new Expression({ op: 'each', list, variable: name, item: item(expression) });
}

export const merged = (
  base: Record<string, Symbolic<string>>,
  more: Expression<Record<string, string>>,
): Expression<Record<string, string>> => new Expression({ op: 'merged', base, more });

export const hashOf = (of: unknown): Expression<string> => new Expression({ op: 'hash', of });
export const jsonOf = (of: unknown): Expression<string> => new Expression({ op: 'json', of });
/** A value as a string, for instance a number in the environment of a process. */
export const asText = (of: Expression<number> | Expression<boolean>): Expression<string> =>
  new Expression({ op: 'decimal', of });
/** An amount as cdk8s' generated classes want it. */
export const quantity = (value: Symbolic<string>): { value: Symbolic<string> } => ({ value });
