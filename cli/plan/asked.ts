import type { KubeObject } from '../../clients/kube/object.ts';
import { API_VERSION } from '../../crds/mesh-service.ts';
import { isMeshService } from '../manifest/read-mesh-service.ts';
import { type Manifest, isObject, objectsOf } from '../manifest/read-manifests.ts';

/** A MeshService of a file. */
export interface Asked {
  namespace: string;
  /** The files make its namespace before it. */
  withNamespace: boolean;
  object: KubeObject;
  /** Sentence with which kubectl would refuse it before asking a server; '' for none. */
  refusal: string;
}

/**
 * The MeshServices of files, in their order. `namespace` is the default; `given` is `-n`, with which kubectl wants every object to
 * agree. Throws an Error when the files have no MeshService, or a MeshService has no name.
 */
export function meshServicesAsked(manifests: Manifest[], namespace: string, given: string | undefined): Asked[] {
  const all = objectsOf(manifests);
  const found = all.filter(isMeshService);
  if (found.length === 0)
    throw new Error(
      `there is no MeshService in ${manifests.map(({ file }) => file).join(', ')}: plan looks at nothing else`,
    );
  const made = new Set<unknown>();
  return all.flatMap((one): Asked[] => {
    const { kind, object, where } = one;
    const metadata = isObject(object['metadata']) ? object['metadata'] : {};
    const { name, namespace: own } = metadata;
    if (kind === 'Namespace') made.add(name);
    if (!isMeshService(one)) return [];
    if (typeof name !== 'string' || name === '') throw new Error(`${where}: this MeshService has no metadata.name`);
    const refusals = [
      object['apiVersion'] === API_VERSION
        ? ''
        : `its apiVersion is ${String(object['apiVersion'])}: give ${API_VERSION}`,
      typeof own === 'string' && given !== undefined && own !== given
        ? `it names the namespace ${own}, and -n says ${given}: leave one of them out`
        : '',
    ];
    const asked = typeof own === 'string' && own !== '' ? own : namespace;
    return [
      {
        namespace: asked,
        withNamespace: made.has(asked),
        object: JSON.parse(
          JSON.stringify(object, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
        ) as KubeObject,
        refusal: refusals.filter((one) => one !== '').join('; '),
      },
    ];
  });
}
