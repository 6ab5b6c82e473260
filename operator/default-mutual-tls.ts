import { MUTUAL_TLS, type MutualTLS } from '../crds/doors.ts';
import { DEFAULT_MUTUAL_TLS_KEY } from '../mesh/installation.ts';

/** A key that is missing is looked for again after so long. */
const FRESH_MS = 5000;

/**
 * The mode of MeshServices that do not set one: the mode in the values, else the mark that the bootstrap job left in the operator's
 * Secret. An installation from before there were modes has no mark, and is Permissive until somebody decides.
 */
export function defaultMutualTLS(
  setting: MutualTLS | 'Auto',
  file: (name: string) => string,
  nowMs: () => number,
): () => MutualTLS {
  let known: { mode: MutualTLS; atMs: number } | undefined;
  return () => {
    if (setting !== 'Auto') return setting;
    if (known === undefined || nowMs() - known.atMs > FRESH_MS) known = { mode: marked(file), atMs: nowMs() };
    return known.mode;
  };
}

function marked(file: (name: string) => string): MutualTLS {
  try {
    return MUTUAL_TLS.find((mode) => mode === file(DEFAULT_MUTUAL_TLS_KEY)) ?? 'Permissive';
  } catch {
    return 'Permissive';
  }
}
