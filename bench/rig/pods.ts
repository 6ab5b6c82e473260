import { inParallel } from '../../base/in-parallel.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { meshServices, pods } from '../../clients/kube/resources.ts';
import { NAMESPACE } from './installation.ts';

/** Requests at a time, as many as the client has connections. */
const PARALLEL = 16;

export const podName = (service: string, index: number): string => `${service}-${index}`;

/** Pods that no kubelet runs. This file writes the status that a kubelet would write. */
export interface Pods {
  /** Whom its pods call: nobody, or one service by `calls`. */
  declare(service: string, calls?: string): Promise<void>;
  /** Creates pods `from` to `to - 1` of a service, and says that they are ready. */
  createReady(service: string, from: number, to: number): Promise<void>;
  /** Creates pods 0 to `count - 1`, which run, have an address and are not ready. */
  createRunning(service: string, count: number): Promise<void>;
  setReady(service: string, index: number, ready: boolean): Promise<void>;
  delete(service: string, index: number): Promise<void>;
  /** Runs `task` for 0 to count - 1 with the client's concurrency; the first failure is thrown. */
  each(count: number, task: (index: number) => Promise<void>): Promise<void>;
}

export function podsOver(client: KubeClient): Pods {
  let addresses = 0;
  const known = new Map<string, string>();
  const addressOf = (name: string): string => {
    const address = known.get(name) ?? `10.${64 + (addresses >> 16)}.${(addresses >> 8) & 255}.${addresses++ & 255}`;
    known.set(name, address);
    return address;
  };

  async function each(count: number, task: (index: number) => Promise<void>): Promise<void> {
    const failures: unknown[] = [];
    const indexes = Array.from({ length: count }, (_, index) => index);
    await inParallel(indexes, PARALLEL, (index) => task(index).catch((error: unknown) => void failures.push(error)));
    if (failures.length > 0) throw failures[0];
  }

  async function setReady(service: string, index: number, ready: boolean): Promise<void> {
    const name = podName(service, index);
    const ip = addressOf(name);
    const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: new Date().toISOString() };
    const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [condition] };
    await client.patchStatus(pods, name, NAMESPACE, status);
  }

  return {
    each,
    setReady,
    async declare(service, calls) {
      const workloads = { pods: { selector: { matchLabels: { app: service } } } };
      const upstreams = calls === undefined ? [] : [{ service: calls, localPort: 9191 }];
      await client.apply(meshServices, {
        metadata: { name: service, namespace: NAMESPACE },
        spec: { port: 8080, protocol: 'http', workloads, upstreams },
      });
    },
    createReady: (service, from, to) =>
      each(to - from, async (offset) => {
        await client.create(pods, aPod(service, from + offset));
        await setReady(service, from + offset, true);
      }),
    createRunning: (service, count) =>
      each(count, async (index) => {
        await client.create(pods, aPod(service, index));
        await setReady(service, index, false);
      }),
    async delete(service, index) {
      await client.delete(pods, podName(service, index), NAMESPACE, { gracePeriodSeconds: 0 });
    },
  };
}

/** As a Deployment would make it and the webhook would have left it, in what the operator reads. */
const aPod = (service: string, index: number): KubeObject => ({
  metadata: {
    name: podName(service, index),
    namespace: NAMESPACE,
    labels: { app: service, 'app.kubernetes.io/version': 'v1', 'landbridge.dev/mesh-service': service },
    annotations: { 'landbridge.dev/injected': 'true' },
  },
  spec: {
    // As after the scheduler. The operator registers its sidecar now.
    nodeName: `node-${index % 100}`,
    containers: [{ name: 'app', image: 'app:1', ports: [{ name: 'http', containerPort: 8080 }] }],
    automountServiceAccountToken: false,
    serviceAccountName: 'none',
  },
});
