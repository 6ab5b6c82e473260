import { type MeshService, type MeshServiceStatus, consulName } from '../../crds/mesh-service.ts';

/** What became of a MeshService's claim on a name; `open`: no walk has said yet. */
export type Standing = 'holds' | 'lost' | 'open';

const LOST = ['NameOwnedByAnother', 'NameInUse'];

/** As the status says it. */
export function standingOf(service: string, status: MeshServiceStatus | undefined): Standing {
  if (status?.consul?.service === service) return 'holds';
  const synced = status?.conditions?.find(({ type }) => type === 'Synced');
  return synced !== undefined && LOST.includes(synced.reason) ? 'lost' : 'open';
}

/**
 * The one of those that want a name who speaks for it: who holds it, else the first of which no walk has said that it
 * lost. Whoever has lost a name says nothing about it, and the one that has it may be in another cluster.
 */
export function speakerOf(service: string, found: MeshService[]): MeshService | undefined {
  const standing = (meshService: MeshService): Standing =>
    consulName(meshService) === service ? standingOf(service, meshService.status) : 'lost';
  return found.find((one) => standing(one) === 'holds') ?? found.find((one) => standing(one) === 'open');
}
