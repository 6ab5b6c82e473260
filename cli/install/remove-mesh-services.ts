import type { KubeClient } from '../../clients/kube/client.ts';
import type { Clock } from '../../base/clock.ts';
import { isNotFound } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { meshServices } from '../../clients/kube/resources.ts';
import { FINALIZER } from '../../mesh/names/names.ts';
import { meshServicesOf } from './residue.ts';

/**
 * Deletes every MeshService and waits until the operator has taken its entries out of Consul. Gives those it did not
 * let go within `timeoutMs`.
 */
export async function removeMeshServices(kube: KubeClient, timeoutMs: number, clock: Clock): Promise<KubeObject[]> {
  for (const { metadata } of await meshServicesOf(kube)) {
    await kube.delete(meshServices, metadata.name, metadata.namespace);
  }
  const start = clock.steady();
  for (;;) {
    const left = await meshServicesOf(kube);
    if (left.length === 0 || clock.steady() - start >= timeoutMs) return left;
    await clock.wait(300, new AbortController().signal);
  }
}

/** Once no operator runs: nobody else would ever take the finalizer off, and the object could not be deleted. */
export async function releaseMeshServices(kube: KubeClient): Promise<number> {
  const held = (await meshServicesOf(kube)).filter(({ metadata }) => metadata.finalizers?.includes(FINALIZER));
  for (const { metadata } of held) {
    const finalizers = metadata.finalizers!.filter((finalizer) => finalizer !== FINALIZER);
    const { resourceVersion } = metadata;
    await kube
      .patchMerge(meshServices, metadata.name, metadata.namespace, { metadata: { finalizers, resourceVersion } })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
  return held.length;
}
