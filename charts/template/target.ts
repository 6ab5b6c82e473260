import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { every, type Expression, type Parts } from './expression.ts';
import { evaluate, holds, type Scope } from './evaluate.ts';
import { toWire } from './wire.ts';

/** One of cdk8s' generated classes. */
export interface ObjectClass<P> {
  new (scope: Construct, id: string, props: P): ApiObject;
  readonly GVK: { apiVersion: string; kind: string };
}

export interface ObjectProps {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: object;
}

/** Where a chart puts its objects. `id` is unique in the chart. */
export interface Target {
  add<P>(type: ObjectClass<P>, id: string, props: Parts<P>): void;
  /** An object of a kind that cdk8s has no class for. */
  addObject(id: string, props: Parts<ObjectProps>): void;
  /** The target for objects that are there under a condition only. */
  when(condition: Expression<boolean>): Target;
}

/** Makes cdk8s constructs for given values. */
export function constructs(scope: Construct, values: Scope): Target {
  return {
    add: (type, id, props) => void new type(scope, id, evaluate(props, values) as never),
    addObject: (id, props) => void new ApiObject(scope, id, toWire(evaluate(props, values)) as ObjectProps),
    when: (condition) => (holds(condition, values) ? constructs(scope, values) : nowhere),
  };
}

const nowhere: Target = { add: () => undefined, addObject: () => undefined, when: () => nowhere };

/** An object with its expressions left in. */
export interface Recorded {
  id: string;
  object: object;
  condition?: Expression<boolean>;
}

/** Keeps what is added, for Helm's templates. */
export function recorder(kept: Recorded[], condition?: Expression<boolean>): Target {
  const keep = (id: string, object: object) => void kept.push({ id, object, ...(condition && { condition }) });
  return {
    add: (type, id, props) => keep(id, { ...type.GVK, ...props }),
    addObject: keep,
    when: (more) => recorder(kept, condition === undefined ? more : every(condition, more)),
  };
}
