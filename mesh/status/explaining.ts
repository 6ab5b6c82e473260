import type { Condition } from '../../crds/kubernetes.ts';

/** It says how the instances are, and not why. */
const SUMMARY = 'Ready';

/** Sentences in one line. A command at the end of one has no full stop, so that it can be pasted. */
export const inOneLine = (messages: string[]): string =>
  messages.reduce((line, next) => (line === '' ? next : `${line}${line.endsWith('.') ? '' : ';'} ${next}`), '');

/**
 * The conditions that a person has to read: every condition that is False, then the summary `Ready`. Where Ready is not True and
 * no other condition is False, unknown conditions may be the cause. A sentence is given once. Empty when all is well. The choice
 * goes by status alone, so a condition that is added later is shown as well.
 */
export function explaining(conditions: Condition[]): Condition[] {
  const summary = conditions.filter(({ type, status }) => type === SUMMARY && status !== 'True');
  const causes = conditions.filter(({ type, status }) => type !== SUMMARY && status === 'False');
  const unknown =
    summary.length === 0 || causes.length > 0 ? [] : conditions.filter(({ status }) => status === 'Unknown');
  const told = [...causes, ...summary, ...unknown];
  return told.filter(({ message }, index) => told.findIndex((other) => other.message === message) === index);
}
