import { consulName } from '../../crds/mesh-service.ts';
import type { Exposure } from '../../mesh/gateways/exposure.ts';
import type { World } from '../world/world.ts';

/** MeshServices that ask to be exposed and hold their name: under another's name they would show the other's service. */
export function exposuresOf({ meshServices }: Pick<World, 'meshServices'>): Exposure[] {
  const found: Exposure[] = [];
  for (const key of meshServices.keys()) {
    const { meshService, metadata, status } = meshServices.get(key)!;
    const { expose, traffic, protocol = 'tcp' } = meshService?.spec ?? {};
    if (expose === undefined || metadata.deletionTimestamp !== undefined) continue;
    const service = consulName(meshService!);
    if (status?.consul?.service !== service) continue;
    const { namespace = '', name, uid = '', creationTimestamp = '' } = metadata;
    found.push({ namespace, name, uid, service, protocol, createdAt: creationTimestamp, expose, traffic });
  }
  return found;
}
