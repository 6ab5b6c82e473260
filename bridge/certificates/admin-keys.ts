import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADMIN_KEYS_FILE } from '../../mesh/installation/installation.ts';

const REREAD_MS = 5000;

/** Fingerprints of the keys that are admins' now; undefined: the bootstrap job is of a version that names none. */
export type AdminKeys = () => readonly string[] | undefined;

/**
 * The bootstrap job writes them beside the bridge's own secrets. A Secret that was changed counts after the kubelet has
 * swapped the file, and 5 s more.
 */
export function adminKeyReader(folder: string): AdminKeys {
  let known: readonly string[] | undefined;
  let readAtMs = -Infinity;
  return () => {
    if (performance.now() - readAtMs < REREAD_MS) return known;
    readAtMs = performance.now();
    try {
      known = readFileSync(join(folder, ADMIN_KEYS_FILE), 'utf8').split(/\s+/).filter(Boolean);
    } catch {
      // Gone for the moment of the swap: the ones at hand go on.
    }
    return known;
  };
}
