import type { KubeClient } from '../../clients/kube/client.ts';
import { isNotFound } from '../../clients/kube/errors.ts';
import { meshServices } from '../../clients/kube/resources.ts';
import type { Log } from '../../base/log.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import { FINALIZER } from '../../mesh/names/names.ts';
import type { HeldMeshService } from '../world/held-mesh-service.ts';

type Metadata = MeshService['metadata'];

/** Marks a MeshService, so that the object cannot go before its entries in Consul have. */
export interface Finalizer {
  /** Does nothing to an object that has the mark. */
  hold(metadata: Metadata): Promise<void>;
  /** Lets the object of a `namespace/name` go. Does nothing when it is gone, or has no mark. */
  release(key: string): Promise<void>;
}

export function finalizer(parts: {
  kube: Pick<KubeClient, 'patchMerge'>;
  meshServices: { get(key: string): HeldMeshService | undefined };
  log: Log;
}): Finalizer {
  const { kube, log } = parts;

  /** The version makes the API server refuse a list that somebody else has changed meanwhile. */
  const write = ({ name, namespace, resourceVersion }: Metadata, finalizers: string[]): Promise<unknown> =>
    kube.patchMerge(meshServices, name, namespace, { metadata: { finalizers, resourceVersion } });

  return {
    async hold(metadata) {
      if (metadata.finalizers?.includes(FINALIZER)) return;
      await write(metadata, [...(metadata.finalizers ?? []), FINALIZER]);
    },
    async release(key) {
      const metadata = parts.meshServices.get(key)?.metadata;
      if (!metadata?.finalizers?.includes(FINALIZER)) return;
      const others = metadata.finalizers.filter((one) => one !== FINALIZER);
      try {
        await write(metadata, others);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      log.info({ meshService: key }, 'removed from Consul');
    },
  };
}
