import { consulName } from '../../crds/mesh-service.ts';
import { podsNode } from '../../mesh/names/names.ts';
import type { Intent } from '../../mesh/service/desired.ts';

/** Where a MeshService's entries are: its node, and the names its config entries have or had. */
export interface CatalogPlace {
  node: string;
  services: string[];
  /** The name that is to be claimed, for a MeshService of `namespace` that did not hold it before. Default: none. */
  claims?: { service: string; namespace: string } | undefined;
}

/** The name it has now and those it had: a renamed MeshService leaves nothing behind. */
export function placeOf(intent: Intent): CatalogPlace {
  const { cluster, namespace, name, meshService, formerServices } = intent;
  const services = meshService === undefined ? formerServices : [consulName(meshService), ...formerServices];
  const service = meshService && consulName(meshService);
  const claims = service === undefined || service === intent.holds ? undefined : { service, namespace };
  return { node: podsNode(cluster, namespace, name), services, claims };
}
