import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const REREAD_MS = 5000;

/** Asked at each request: a Secret that was changed is in use after the kubelet has swapped the file, and 5 s more. */
export function consulTokenReader(folder: string, first: string): () => string {
  let token = first;
  let readAtMs = performance.now();
  return () => {
    if (performance.now() - readAtMs < REREAD_MS) return token;
    readAtMs = performance.now();
    try {
      token = readFileSync(join(folder, 'consul-token'), 'utf8').trim() || token;
    } catch {
      // Gone for the moment of the swap: the one at hand goes on.
    }
    return token;
  };
}
