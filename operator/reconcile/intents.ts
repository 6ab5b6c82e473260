import type { KubeClient } from '../../clients/kube/client.ts';
import { type KubeObject, splitKey } from '../../clients/kube/object.ts';
import { meshServices } from '../../clients/kube/resources.ts';
import type { Intent } from '../../mesh/service/desired.ts';
import type { World } from '../world/world.ts';
import type { KnownNames } from './known-names.ts';

/** The intents of MeshServices, by `namespace/name`. */
export interface Intents {
  /**
   * From memory. An intent without a MeshService asks for nothing: entries are left over. undefined: nothing is to be done.
   */
  read(key: string): Promise<Intent | undefined>;
}

export function intents(parts: {
  kube: Pick<KubeClient, 'list'>;
  world: Pick<World, 'meshServices' | 'readIntent'>;
  names: Pick<KnownNames, 'complete' | 'hasAny'>;
}): Intents {
  const { kube, world, names } = parts;

  /** The mirror may lag behind: a MeshService that it does not show yet is not gone. */
  async function isOnlyUnseen(key: string): Promise<boolean> {
    if (!names.hasAny(key) || world.meshServices.get(key) !== undefined) return false;
    const { namespace = '', name } = splitKey(key);
    const fieldSelector = `metadata.name=${name}`;
    const { items } = await kube.list<KubeObject>(meshServices, { namespace, fieldSelector });
    return items.length > 0;
  }

  return {
    async read(key) {
      return (await isOnlyUnseen(key)) ? undefined : names.complete(key, world.readIntent(key));
    },
  };
}
