import type { KubeObject } from '../../clients/kube/object.ts';

/** The step of an installation for one object. */
export interface Step {
  do: 'create' | 'change' | 'keep' | 'delete';
  object: KubeObject;
  /** Fields that change, as JSON pointers. */
  fields: string[];
}

export const nameOf = ({ kind, metadata: { name, namespace } }: KubeObject): string =>
  `${kind ?? 'object'} ${namespace === undefined ? '' : `${namespace}/`}${name}`;

const SIGNS: Record<Step['do'], string> = { create: '+', change: '~', keep: '=', delete: '-' };

/** One line a step, and one more for what changes in it. */
export function describeStep(step: Step): string {
  const more = step.do === 'change' ? `\n      ${step.fields.join(' ')}` : '';
  return `  ${SIGNS[step.do]} ${nameOf(step.object)}${more}`;
}

/** `3 to create, 1 to change, 20 as they are`. */
export function summary(steps: readonly Step[]): string {
  const count = (what: Step['do']): number => steps.filter((step) => step.do === what).length;
  const parts = [
    [count('create'), 'to create'],
    [count('change'), 'to change'],
    [count('delete'), 'to delete'],
    [count('keep'), 'as they are'],
  ] as const;
  return parts
    .filter(([number]) => number > 0)
    .map(([number, what]) => `${number} ${what}`)
    .join(', ');
}
