import { applyPatch, type Operation } from 'rfc6902';
import { Failure } from './failure.ts';

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: Record<string, unknown> = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** RFC 6902. Throws the API server's 422 when an operation cannot be done. */
export function jsonPatch<T>(target: T, operations: Operation[]): T {
  const copy = structuredClone(target);
  const failed = applyPatch(copy, operations).find((error) => error !== null);
  if (failed)
    throw new Failure(
      422,
      'Invalid',
      `the server rejected our request due to an error in our request: ${failed.message}`,
    );
  return copy;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
