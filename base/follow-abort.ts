import { setMaxListeners } from 'node:events';

/**
 * Calls `onAbort` once when `signal` aborts, at once when it already has. Gives the function that takes this back, which
 * must be called when the work is over: the signal of a process outlives thousands of requests.
 */
export function followAbort(signal: AbortSignal | undefined, onAbort: () => void): () => void {
  if (!signal) return () => undefined;
  if (signal.aborted) {
    onAbort();
    return () => undefined;
  }
  // Node warns of a leak at 11 listeners. A process may have more reflectors without a leak.
  setMaxListeners(0, signal);
  signal.addEventListener('abort', onAbort, { once: true });
  return () => signal.removeEventListener('abort', onAbort);
}
