import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { statefulSets } from '../../clients/kube/resources.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';

/** Stands for the garbage collector where no controller runs: a StatefulSet that is deleted without its pods may go. */
export function letOrphansGo(kube: KubeClient, signal: AbortSignal): void {
  const turn = async (): Promise<void> => {
    const { items } = await kube.list<KubeObject>(statefulSets, { namespace: NAMESPACE, metadataOnly: true });
    for (const { metadata } of items)
      if (metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes('orphan'))
        await kube.patchMerge(statefulSets, metadata.name, NAMESPACE, { metadata: { finalizers: null } });
  };
  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      await turn().catch(() => undefined);
      await new Promise((next) => setTimeout(next, 50));
    }
  };
  void loop();
}
