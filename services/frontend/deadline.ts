/** A signal that fires at the end of a time, or with its parent. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Whether the time ran out; false when it was the parent that fired. */
  readonly passed: () => boolean;
  /** To be called when nobody waits any longer. */
  readonly clear: () => void;
}

/**
 * Not `AbortSignal.any([parent, AbortSignal.timeout(ms)])`: nothing but the combination would hold the timeout then, and
 * Node 20 lets it be collected, so that it never fires.
 */
export function startDeadline(ms: number, parent: AbortSignal): Deadline {
  const controller = new AbortController();
  let passed = false;
  const end = () => controller.abort();
  const timer = setTimeout(() => {
    passed = true;
    end();
  }, ms);
  if (parent.aborted) end();
  parent.addEventListener('abort', end, { once: true });
  const clear = () => {
    clearTimeout(timer);
    parent.removeEventListener('abort', end);
  };
  return { signal: controller.signal, passed: () => passed, clear };
}
