import { podName } from '../rig/pods.ts';
import type { Rig } from '../rig/rig.ts';

export interface Flip {
  /** Consul's filter for the one instance that flips. */
  filter: string;
  becomes: 'passing' | 'critical';
  /** Patches the pod's status; answers how many pods are ready then. */
  send(): Promise<number>;
  /** Consul and the MeshService's status say so, and the operator's walk is over. */
  settled(ready: number): Promise<void>;
}

/** Pods of a population, one after the other: each becomes not ready, and then ready again. */
export async function eachFlip(
  rig: Rig,
  service: string,
  size: number,
  count: number,
  make: (flip: Flip) => Promise<void>,
): Promise<void> {
  // The work that an earlier measure began is over.
  await rig.meshServices.until(service, ({ pods }) => pods === `${size}/${size}`);
  for (let turn = 0; turn < count; turn++) {
    const index = (turn >> 1) % size;
    const ready = turn % 2 === 1;
    await make({
      filter: `ServiceID == "${podName(service, index)}"`,
      becomes: ready ? 'passing' : 'critical',
      async send() {
        await rig.pods.setReady(service, index, ready);
        return ready ? size : size - 1;
      },
      async settled(now) {
        await rig.meshServices.until(service, ({ pods }) => pods === `${now}/${size}`);
      },
    });
  }
  // An odd number leaves one behind.
  if (count % 2 === 1) await rig.pods.setReady(service, ((count - 1) >> 1) % size, true);
}
