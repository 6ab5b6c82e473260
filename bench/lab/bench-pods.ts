import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { meshServices, pods, secrets } from '../../clients/kube/resources.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { sidecarSecret } from '../../mesh/names/names.ts';
import { eventually } from '../../test/support/eventually.ts';
import { podSpec } from '../../test/support/kube/pods.ts';
import { type PodSight, isReady } from './pod-sight.ts';

const SERVICE = 'bench';

/** Pods that the kubelets of the lab run, of a MeshService of their own. */
export interface BenchPods {
  /** Resolves when the pod is Ready. */
  create(name: string, labels: Record<string, string>): Promise<void>;
  /** Resolves when the pod is gone. */
  delete(name: string): Promise<void>;
}

/** Does `work` while a MeshService for its pods is there, its Secret included, so that no pod waits for that. */
export async function withBenchPods<T>(
  client: KubeClient,
  sight: PodSight,
  work: (bench: BenchPods) => Promise<T>,
): Promise<T> {
  await client.apply(meshServices, {
    metadata: { name: SERVICE, namespace: SAMPLE_NAMESPACE },
    spec: { port: 8080, workloads: { pods: { selector: { matchLabels: { app: SERVICE } } } } },
  });
  try {
    await eventually('the Secret of the sidecars', 30_000, () =>
      client.get(secrets, sidecarSecret(SERVICE), SAMPLE_NAMESPACE),
    );
    return await work({
      async create(name, labels) {
        const metadata = { name, namespace: SAMPLE_NAMESPACE, labels: { app: SERVICE, ...labels } };
        // It ends at once on SIGTERM, since the app's own drain is not measured.
        const spec = podSpec(['--serve'], [{ name: 'DRAIN_SECONDS', value: '0' }]);
        await client.create(pods, { metadata, spec } as KubeObject);
        await sight.until(name, isReady);
      },
      async delete(name) {
        await client.delete(pods, name, SAMPLE_NAMESPACE);
        await sight.until(name, (held) => held === undefined);
      },
    });
  } finally {
    await client.delete(meshServices, SERVICE, SAMPLE_NAMESPACE);
  }
}
