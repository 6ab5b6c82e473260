import type { Logger } from 'pino';

import type { Drain } from './drain.ts';
import { readDrains, writeDrains } from './drain-file.ts';
import { keep } from '../state/learnt.ts';

interface Drained {
  id: string;
  draining: Drain | undefined;
}

/** The drains of this machine on disk: an agent that is restarted goes on with them. */
export interface Drains {
  /** Gives an instance the drain that an agent before this one began. */
  restore(instance: Drained): void;
  /** Never throws. */
  save(instances: readonly Drained[]): Promise<void>;
}

export async function openDrains(runtimeDir: string, log: Logger): Promise<Drains> {
  const before = new Map(Object.entries(await readDrains(runtimeDir)));
  return {
    restore(instance) {
      instance.draining = before.get(instance.id);
      before.delete(instance.id);
    },
    save(instances) {
      const held = instances.flatMap(({ id, draining }) => (draining === undefined ? [] : [[id, draining] as const]));
      return keep(log, writeDrains(runtimeDir, Object.fromEntries(held)));
    },
  };
}
