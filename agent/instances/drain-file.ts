import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { atomicWrite } from '../machine/atomic-write.ts';
import type { Drain } from './drain.ts';

const drains = z.record(z.string(), z.strictObject({ listeners: z.array(z.string()), away: z.boolean() }));

const fileIn = (runtimeDir: string): string => join(runtimeDir, 'drains.json');

/**
 * Drains by instance. An agent that is restarted during a maintenance must not end it; a reboot may, and does: the file
 * is in /run. A damaged one is as good as none.
 */
export async function readDrains(runtimeDir: string): Promise<Record<string, Drain>> {
  try {
    return drains.parse(JSON.parse(await readFile(fileIn(runtimeDir), 'utf8')));
  } catch {
    return {};
  }
}

export const removeDrains = (runtimeDir: string): Promise<void> => rm(fileIn(runtimeDir), { force: true });

export const writeDrains = (runtimeDir: string, held: Record<string, Drain>): Promise<void> =>
  atomicWrite(fileIn(runtimeDir), JSON.stringify(held), { mode: 0o640 });
