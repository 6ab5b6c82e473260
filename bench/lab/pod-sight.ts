import type { KubeClient } from '../../clients/kube/client.ts';
import { reflect } from '../../clients/kube/watching/reflect.ts';
import { pods } from '../../clients/kube/resources.ts';
import type { Pod } from '../../crds/kubernetes.ts';

type RawPod = Pod & { [field: string]: unknown; metadata: { [field: string]: unknown } };

/** Pods of one namespace, by a watch on the API server: an awaited state is seen when the server sends it. */
export interface PodSight {
  /** Resolves when the pod is as `wanted` says; undefined is a pod that is gone. Throws at the deadline, ms from now. */
  until(name: string, wanted: (pod: Pod | undefined) => boolean, deadlineMs?: number): Promise<void>;
  synced(): Promise<void>;
  close(): void;
}

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: console.error };

export function lookAtPods(client: KubeClient, namespace: string): PodSight {
  const stop = new AbortController();
  const waiting = new Set<() => void>();
  const mirror = reflect<Pod, RawPod>(client, pods, {
    namespace,
    trim: (pod) => pod,
    onChange: () => waiting.forEach((look) => look()),
    signal: stop.signal,
    log: quiet,
  });
  return {
    synced: () => mirror.synced(),
    until: (name, wanted, deadlineMs = 90_000) =>
      new Promise((resolve, reject) => {
        const end = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        const timer = setTimeout(() => {
          end();
          reject(new Error(`pod ${name}: not as wanted within ${deadlineMs} ms`));
        }, deadlineMs);
        const look = (): void => {
          if (!wanted(mirror.get(`${namespace}/${name}`))) return;
          end();
          resolve();
        };
        waiting.add(look);
        look();
      }),
    close: () => stop.abort(new Error('the watch has ended')),
  };
}

export const isReady = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
