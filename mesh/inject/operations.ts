/** RFC 6902, the operations that are made here. Tests and moves are not among them. */
export type Operation = { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string };

/** RFC 6901: `pointer('metadata', 'labels', 'a/b')` is `/metadata/labels/a~1b`. */
export const pointer = (...steps: (string | number)[]): string =>
  steps.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/**
 * The document after the operations. The document itself stays as it is, and the result shares all untouched parts with
 * it. Every path has to be there, but for the last step of an `add`.
 */
export const applied = <T>(document: T, operations: readonly Operation[]): T =>
  operations.reduce<T>((before, operation) => after(before, stepsOf(operation.path), operation) as T, document);

const stepsOf = (path: string): string[] =>
  path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));

function after(node: unknown, [step = '', ...rest]: string[], operation: Operation): unknown {
  const list = Array.isArray(node) ? [...(node as unknown[])] : undefined;
  const copy = (list ?? { ...(node as object) }) as Record<string, unknown>;
  if (rest.length > 0) copy[step] = after(copy[step], rest, operation);
  else if (operation.op === 'remove') {
    if (list === undefined) delete copy[step];
    else list.splice(Number(step), 1);
  } else if (list !== undefined && operation.op === 'add') list.splice(Number(step), 0, operation.value);
  else copy[step] = operation.value;
  return copy;
}
