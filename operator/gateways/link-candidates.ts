import { consulName } from '../../crds/mesh-service.ts';
import type { LinkCandidate } from '../../mesh/gateways/terminating.ts';
import type { World } from '../world/world.ts';

/** MeshServices that admit instances from outside and hold their name: under another's name they would open the other's service. */
export function linkCandidates({ meshServices }: Pick<World, 'meshServices'>): LinkCandidate[] {
  const found: LinkCandidate[] = [];
  for (const key of meshServices.keys()) {
    const { meshService, metadata, status } = meshServices.get(key)!;
    if (meshService?.spec.workloads.external === undefined || metadata.deletionTimestamp !== undefined) continue;
    const service = consulName(meshService);
    if (status?.consul?.service !== service) continue;
    const { namespace = '', name, creationTimestamp = '' } = metadata;
    found.push({ namespace, name, service, createdAt: creationTimestamp });
  }
  return found;
}
