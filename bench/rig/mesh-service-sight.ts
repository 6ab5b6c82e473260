import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { reflect } from '../../clients/kube/watching/reflect.ts';
import { meshServices } from '../../clients/kube/resources.ts';
import type { MeshServiceStatus } from '../../crds/mesh-service.ts';
import { NAMESPACE } from './installation.ts';

/** The statuses the operator writes last in each walk: when one is as wanted, the walk is over. */
export interface MeshServiceSight {
  /** Throws at the deadline, ms from now, default 60 000. */
  until(name: string, wanted: (status: MeshServiceStatus) => boolean, deadlineMs?: number): Promise<void>;
  /** The same for all there are. */
  untilAll(count: number, wanted: (status: MeshServiceStatus) => boolean, deadlineMs?: number): Promise<void>;
  close(): void;
}

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: console.error };

export function lookAtMeshServices(client: KubeClient): MeshServiceSight {
  const stop = new AbortController();
  const waiting = new Set<() => void>();
  const mirror = reflect<MeshServiceStatus, KubeObject & { status?: MeshServiceStatus }>(client, meshServices, {
    namespace: NAMESPACE,
    trim: (object) => object.status ?? {},
    onChange: () => waiting.forEach((look) => look()),
    signal: stop.signal,
    log: quiet,
  });

  const wait = (what: string, holds: () => boolean, deadlineMs: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(look);
        reject(new Error(`${what}: not as wanted within ${deadlineMs} ms`));
      }, deadlineMs);
      const look = (): void => {
        if (!holds()) return;
        clearTimeout(timer);
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });

  return {
    until(name, wanted, deadlineMs = 60_000) {
      const holds = (): boolean => {
        const status = mirror.get(`${NAMESPACE}/${name}`);
        return status !== undefined && wanted(status);
      };
      return wait(`the status of MeshService ${name}`, holds, deadlineMs);
    },
    untilAll(count, wanted, deadlineMs = 60_000) {
      // Asked at every event of thousands: the cheap question first.
      const holds = (): boolean => mirror.size >= count && mirror.list().every(wanted);
      return wait(`the status of ${count} MeshServices`, holds, deadlineMs);
    },
    close: () => stop.abort(new Error('the watch has ended')),
  };
}
