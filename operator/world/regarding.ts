import type { Intent } from '../../mesh/service/desired.ts';
import { API_VERSION } from '../../crds/mesh-service.ts';
import type { World } from './world.ts';

/** The MeshServices that want a name in Consul. */
export const keysOf = ({ meshServices }: World, service: string): string[] =>
  meshServices.by('service', service).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);

/** The MeshService as the subject of an Event. */
export const regarding = ({ namespace, name }: Intent, world: World) => ({
  apiVersion: API_VERSION,
  kind: 'MeshService',
  namespace,
  name,
  uid: world.meshServices.get(`${namespace}/${name}`)?.metadata.uid ?? '',
});
