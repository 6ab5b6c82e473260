import type { Consul } from '../clients/consul/consul.ts';
import type { Log } from '../clients/kube/log.ts';

/**
 * One bridge at a time judges leases. The chart runs one, but a node that is cut off can leave an old one running beside
 * its successor: it would go on marking hosts down that now beat elsewhere. So the latest to start signs in Consul KV
 * (`landbridge/bridge`), and an earlier one, which looks there before it marks anybody down or mends anything, ends.
 */
export interface Tenure {
  /** Throws what Consul throws. */
  claim(): Promise<void>;
  /** False when a later bridge has signed. True also while Consul does not say: then nothing can be written either. */
  holds(): Promise<boolean>;
}

const KEY = 'landbridge/bridge';

/** `id`: of this process, new with each start. `onLost` is called once. */
export function createTenure(
  consul: Pick<Consul, 'kvGet' | 'kvCas'>,
  { id, log, onLost }: { id: string; log: Log; onLost: () => void },
): Tenure {
  let lost = false;
  return {
    async claim() {
      for (;;) {
        const held = await consul.kvGet(KEY);
        if (held?.value === id || (await consul.kvCas(KEY, id, held?.modifyIndex ?? 0))) return;
      }
    },
    async holds() {
      if (lost) return false;
      const held = await consul.kvGet(KEY).catch(() => undefined);
      // A KV without the key was emptied by somebody; there is no successor.
      if (held === undefined || held.value === id || lost) return !lost;
      lost = true;
      log.error({ successor: held.value }, 'a later bridge has taken over: this one ends');
      onLost();
      return false;
    },
  };
}
