import type { KubeClient } from '../../clients/kube/client.ts';
import { isNotFound } from '../../clients/kube/errors.ts';
import { splitKey } from '../../clients/kube/object.ts';
import { meshServices } from '../../clients/kube/resources.ts';
import type { MeshServiceStatus } from '../../crds/mesh-service.ts';
import { equal } from '../../mesh/equal.ts';

/**
 * Writes statuses, and knows the events that tell of its own writing: those need no walk. Between a write and its
 * event the mirror still shows the earlier status, so the last one written counts until the event comes.
 */
export interface StatusWriter {
  /** Writes a status that differs from the one at the API server. An object that is gone causes no error. */
  write(key: string, status: MeshServiceStatus): Promise<void>;
  /** An event showed this status. True: it is the one written last, and the mirror has caught up. */
  isOwn(key: string, status: MeshServiceStatus | undefined): boolean;
}

export function statusWriter(
  kube: Pick<KubeClient, 'applyStatus'>,
  mirrored: (key: string) => MeshServiceStatus | undefined,
): StatusWriter {
  /** Written, and not seen yet. */
  const pending = new Map<string, MeshServiceStatus>();

  return {
    async write(key, status) {
      const unseen = pending.get(key);
      if (equal(mirrored(key), status) && (unseen === undefined || equal(unseen, status))) return;
      const { namespace = '', name } = splitKey(key);
      // Before the answer: the event may come first.
      pending.set(key, status);
      try {
        await kube.applyStatus(meshServices, name, namespace, status);
      } catch (error) {
        if (pending.get(key) === status) pending.delete(key);
        if (!isNotFound(error)) throw error;
      }
    },
    isOwn(key, status) {
      const unseen = pending.get(key);
      if (unseen === undefined || !equal(unseen, status)) return false;
      pending.delete(key);
      return true;
    },
  };
}
