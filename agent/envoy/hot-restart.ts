import { constants } from 'node:fs';
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The resources that successive processes of one Envoy share, see docs/adr/0012-envoy-is-replaced-by-hot-restart.md. */
export interface Lineage {
  baseId: number;
  epoch: number;
}

/** POSIX shared memory, see shm_overview(7). */
const SHARED_MEMORY = '/dev/shm';
/** Envoy multiplies it by ten, and puts the product into socket names as a signed number of 32 bits. */
const MAX_BASE_ID = 200_000_000;

const regionOf = (baseId: number): string => join(SHARED_MEMORY, `envoy_shared_memory_${baseId * 10}`);

/**
 * A base ID that no Envoy of this machine uses, ours or another's: a start with a taken ID destroys the region of the other. undefined: shared memory is missing here, so no process can take over from another.
 */
export async function newLineage(random: () => number): Promise<Lineage | undefined> {
  if (!(await mayUse(SHARED_MEMORY, constants.W_OK))) return undefined;
  for (;;) {
    const baseId = 1 + Math.floor(random() * MAX_BASE_ID);
    if (!(await mayUse(regionOf(baseId), constants.F_OK))) return { baseId, epoch: 0 };
  }
}

/** Envoy leaves its region behind. */
export const endLineage = (baseId: number): Promise<void> => rm(regionOf(baseId), { force: true });

const mayUse = (path: string, mode: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  );
