import type { Change } from '../../../mesh/catalog/plan.ts';
import { ConsulUnavailable } from '../errors.ts';
import type { Transport } from '../transport.ts';

/** One run of apply: the outcome of each change so far, and whether the connection to Consul was lost. */
export interface Run {
  transport: Transport;
  errors: Map<Change, string>;
  done: Set<Change>;
  lost: ConsulUnavailable | undefined;
  /** Why nothing more of this plan may be written. */
  halted: string | undefined;
}

/** Does one write for `changes`. After Consul was lost nothing more is tried: each try could take its whole timeout. */
export async function attempt(
  run: Run,
  changes: Change[],
  write: () => Promise<Map<Change, string> | void>,
): Promise<void> {
  if (run.lost !== undefined || run.halted !== undefined) return;
  try {
    const errors = (await write()) ?? new Map<Change, string>();
    for (const change of changes) {
      const error = errors.get(change);
      if (error === undefined) run.done.add(change);
      else run.errors.set(change, error);
    }
  } catch (error) {
    if (error instanceof ConsulUnavailable) run.lost = error;
    else for (const change of changes) run.errors.set(change, (error as Error).message);
  }
}
