import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import { Expression } from './expression.ts';
import { unwrapped, wireKey } from './wire.ts';

/** The roots of paths: `Values`, `Release`, and the variables of `each`. */
export type Scope = Readonly<Record<string, unknown>>;

/** A place that stays empty: the key or the item is left out. */
const NOTHING = Symbol('nothing');

/**
 * The structure for these values, spelt as cdk8s' generated classes want it or, with `wire`, as Kubernetes reads it: that is
 * a matter of what the chart says, never of what a user's values hold. Throws for a path that does not exist: a mistake of
 * the chart, not of its user.
 */
export function evaluate(raw: unknown, scope: Scope, wire = false): unknown {
  const value = wire ? unwrapped(raw) : raw;
  if (value instanceof Expression) return evaluateNode(value, scope, wire);
  if (Array.isArray(value)) return value.flatMap((item) => listItems(item, scope, wire));
  if (value === null || typeof value !== 'object') return value;
  // An amount of cdk8s' own, such as a Quantity.
  if (value.constructor !== Object) return value;
  const spelt = (key: string): string => (wire ? wireKey(key) : key);
  const entries = Object.entries(value).map(([key, inner]) => [spelt(key), evaluate(inner, scope, wire)] as const);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== NOTHING && inner !== undefined));
}

export const holds = (condition: Expression<boolean>, scope: Scope): boolean => evaluate(condition, scope) === true;

function listItems(item: unknown, scope: Scope, wire: boolean): unknown[] {
  const value = evaluate(item, scope, wire);
  if (value === NOTHING) return [];
  return item instanceof Expression && item.node.op === 'each' ? (value as unknown[]) : [value];
}

function evaluateNode({ node }: Expression<unknown>, scope: Scope, wire: boolean): unknown {
  const of = (value: unknown): unknown => evaluate(value, scope, wire);
  switch (node.op) {
    case 'ref':
      return lookUp(node.path, scope);
    case 'text':
      return node.parts.map((part) => String(of(part))).join('');
    case 'decimal':
      return String(of(node.of));
    case 'join':
      return (of(node.list) as string[]).join(node.by);
    case 'times':
      return (of(node.of) as number) * node.by;
    case 'given':
      return isGiven(of(node.of));
    case 'not':
      return !of(node.of);
    case 'every':
      return node.of.every(of);
    case 'some':
      return node.of.some(of);
    case 'equal':
      return of(node.left) === of(node.right);
    case 'moreThan':
      return (of(node.left) as number) > node.right;
    case 'when':
      if (of(node.condition)) return of(node.then);
      return node.otherwise === undefined ? NOTHING : of(node.otherwise);
    case 'each':
      return (of(node.list) as unknown[]).map((one) => evaluate(node.item, { ...scope, [node.variable]: one }, wire));
    case 'merged':
      return { ...(of(node.base) as object), ...(of(node.more) as object) };
    case 'hash':
      return createHash('sha256')
        .update(canonicalJson(evaluate(node.of, scope, true)))
        .digest('hex')
        .slice(0, 10);
    case 'json':
      return canonicalJson(evaluate(node.of, scope, true), 2);
  }
}

function lookUp(path: readonly string[], scope: Scope): unknown {
  let at: unknown = scope;
  for (const step of path) {
    at = typeof at === 'object' && at !== null && Object.hasOwn(at, step) ? (at as Scope)[step] : undefined;
  }
  if (at === undefined) throw new Error(`the chart reads ${path.join('.')}, which no value has`);
  return at;
}

const isGiven = (value: unknown): boolean =>
  typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);
