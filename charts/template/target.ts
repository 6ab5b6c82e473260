import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { every, type Expression, newVariable, type Parts } from './expression.ts';
import { evaluate, holds, type Scope } from './evaluate.ts';

/** One of cdk8s' generated classes. */
interface ObjectClass<P> {
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
  /** Objects that are there once for each of a list. */
  each(list: Expression<readonly string[]>, add: (target: Target, one: Expression<string>) => void): void;
}

/** Makes cdk8s constructs for given values. */
export function constructs(scope: Construct, values: Scope, suffix = ''): Target {
  return {
    add: (type, id, props) => void new type(scope, `${id}${suffix}`, evaluate(props, values) as never),
    addObject: (id, props) => void new ApiObject(scope, `${id}${suffix}`, evaluate(props, values, true) as ObjectProps),
    when: (condition) => (holds(condition, values) ? constructs(scope, values, suffix) : nowhere),
    each: (list, add) => {
      const { name, expression } = newVariable<string>();
      for (const one of evaluate(list, values) as string[])
        add(constructs(scope, { ...values, [name]: one }, `${suffix}-${one}`), expression);
    },
  };
}

const nowhere: Target = {
  add: () => undefined,
  addObject: () => undefined,
  when: () => nowhere,
  each: () => undefined,
};

/** An object with its expressions left in. */
export interface Recorded {
  id: string;
  object: object;
  condition?: Expression<boolean>;
  /** It is there once for each of these. */
  repeat?: { list: Expression<readonly string[]>; variable: string };
}

/** Keeps what is added, for Helm's templates. */
export function recorder(kept: Recorded[], condition?: Expression<boolean>, repeat?: Recorded['repeat']): Target {
  const keep = (id: string, object: object) =>
    void kept.push({ id, object, ...(condition && { condition }), ...(repeat && { repeat }) });
  return {
    add: (type, id, props) => keep(id, { ...type.GVK, ...props }),
    addObject: keep,
    when: (more) => recorder(kept, condition === undefined ? more : every(condition, more), repeat),
    each: (list, add) => {
      if (repeat !== undefined) throw new Error('a list within a list of objects');
      const { name, expression } = newVariable<string>();
      add(recorder(kept, condition, { list, variable: name }), expression);
    },
  };
}
