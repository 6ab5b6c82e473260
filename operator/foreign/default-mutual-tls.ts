import type { MutualTLS } from '../../crds/doors.ts';
import { standardMode } from '../../mesh/doors/doors.ts';
import { DEFAULT_MUTUAL_TLS_KEY } from '../../mesh/installation/installation.ts';

/** The mark is read again after so long, since the bootstrap job may write it later. */
const FRESH_MS = 5000;

/** The standardMode of the operator, whose Secret `file` reads. */
export function defaultMutualTLS(
  setting: MutualTLS | 'Auto',
  file: (name: string) => string,
  nowMs: () => number,
): () => MutualTLS {
  let known: { mode: MutualTLS; atMs: number } | undefined;
  return () => {
    if (known === undefined || nowMs() - known.atMs > FRESH_MS)
      known = { mode: standardMode(setting, () => file(DEFAULT_MUTUAL_TLS_KEY)), atMs: nowMs() };
    return known.mode;
  };
}
