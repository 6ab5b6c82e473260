import { type MeshService, type MeshServiceStatus, consulName } from '../../crds/mesh-service.ts';

/** The state of a MeshService's claim on a name; `open`: no walk has tried to make it yet. */
export type Standing = 'holds' | 'lost' | 'open';

const LOST = ['NameOwnedByAnother', 'NameInUse'];

/** As the status says it. */
export function standingOf(service: string, status: MeshServiceStatus | undefined): Standing {
  if (status?.consul?.service === service) return 'holds';
  const synced = status?.conditions?.find(({ type }) => type === 'Synced');
  return synced !== undefined && LOST.includes(synced.reason) ? 'lost' : 'open';
}

/**
 * The MeshService whose rules count for a name: its holder, else the first that has not lost it. A MeshService that has
 * lost the name does not count, since the holder may be in another cluster.
 */
export function speakerOf(service: string, found: MeshService[]): MeshService | undefined {
  const standing = (meshService: MeshService): Standing =>
    consulName(meshService) === service ? standingOf(service, meshService.status) : 'lost';
  return found.find((one) => standing(one) === 'holds') ?? found.find((one) => standing(one) === 'open');
}
