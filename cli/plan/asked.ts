import type { KubeObject } from '../../clients/kube/object.ts';
import { API_VERSION } from '../../crds/mesh-service.ts';
import { type Manifest, isObject, objectsOf } from '../manifest/read-manifests.ts';

/** A MeshService of a file. */
export interface Asked {
  namespace: string;
  object: KubeObject;
  /** What kubectl would say before it asks a server; '' for nothing. */
  refusal: string;
}

/**
 * The MeshServices of files, in their order. `namespace` is for those that name none; `given` is `-n`, which kubectl wants to agree.
 * Throws an Error when there is none, or when one has no name.
 */
export function meshServicesAsked(manifests: Manifest[], namespace: string, given: string | undefined): Asked[] {
  const found = objectsOf(manifests).filter(({ kind }) => kind === 'MeshService');
  if (found.length === 0)
    throw new Error(
      `there is no MeshService in ${manifests.map(({ file }) => file).join(', ')}: plan looks at nothing else`,
    );
  return found.map(({ object, where }) => {
    const metadata = isObject(object['metadata']) ? object['metadata'] : {};
    const { name, namespace: own } = metadata;
    if (typeof name !== 'string' || name === '') throw new Error(`${where}: this MeshService has no metadata.name`);
    const refusals = [
      object['apiVersion'] === API_VERSION
        ? ''
        : `its apiVersion is ${String(object['apiVersion'])}: give ${API_VERSION}`,
      typeof own === 'string' && given !== undefined && own !== given
        ? `it names the namespace ${own}, and -n says ${given}: leave one of them out`
        : '',
    ];
    return {
      namespace: typeof own === 'string' && own !== '' ? own : namespace,
      object: JSON.parse(
        JSON.stringify(object, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
      ) as KubeObject,
      refusal: refusals.filter((one) => one !== '').join('; '),
    };
  });
}
