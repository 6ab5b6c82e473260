import { z } from 'zod';
import { type MeshService, type MeshServiceStatus, parseMeshService } from '../../crds/mesh-service.ts';
import { type DefaultAccess, withDefaultAccess } from '../../mesh/service/default-access.ts';
import { equal } from '../../mesh/equal.ts';
import { FINALIZER } from '../../mesh/names/names.ts';

/** A MeshService as it was read; `invalid` when it does not fit the schema of this program (an older or newer CRD). */
export interface HeldMeshService {
  metadata: MeshService['metadata'];
  meshService: MeshService | undefined;
  invalid: string | undefined;
  status: MeshServiceStatus | undefined;
  formerServices: string[];
}

/** As the API server sends it: nothing of it is checked yet. */
export type RawMeshService = MeshService & { [field: string]: unknown; metadata: { [field: string]: unknown } };

/**
 * The part of a MeshService that is kept. Must not throw: one object that does not fit must not stop the mirror of all others.
 * A spec of the same generation is the one held before: it needs no parsing, and results made from it stay good.
 */
export function holdMeshService(
  raw: RawMeshService,
  held: HeldMeshService | undefined,
  defaultAccess: DefaultAccess = 'None',
): HeldMeshService {
  const { managedFields: _dropped, ...rest } = raw.metadata;
  const metadata = rest as MeshService['metadata'];
  const { status } = raw;
  // Both: a walk may have written under the new name and not lived to say so.
  const names = [status?.consul?.service, raw.spec?.service ?? metadata.name];
  const formerServices = [...new Set(names.filter((service) => service !== undefined && service !== ''))] as string[];
  if (held?.meshService !== undefined && sameSpec(metadata, held.metadata)) {
    const meshService = { ...held.meshService, metadata, status };
    return { metadata, meshService, invalid: undefined, status, formerServices };
  }
  try {
    const meshService = withDefaultAccess(parseMeshService({ metadata, spec: raw.spec, status }), defaultAccess);
    return { metadata, meshService, invalid: undefined, status, formerServices };
  } catch (error) {
    return { metadata, meshService: undefined, invalid: sentenceOf(error), status, formerServices };
  }
}

/** The API server counts `generation` up at each change of the spec: the status is a subresource of its own. */
const sameSpec = (a: MeshService['metadata'], b: MeshService['metadata']): boolean =>
  a.uid === b.uid && a.generation !== undefined && a.generation === b.generation;

/**
 * Whether the spec changed. Most events bring no such change: they show the status and the finalizer that the operator wrote itself. A finalizer that was lost has to be set again.
 */
export function asksAnew(next: HeldMeshService | undefined, previous: HeldMeshService | undefined): boolean {
  if (next === undefined || previous === undefined) return true;
  const [now, before] = [next.metadata, previous.metadata];
  const lostFinalizer = isHeld(before) && !isHeld(now);
  return (
    !sameSpec(now, before) ||
    now.deletionTimestamp !== before.deletionTimestamp ||
    lostFinalizer ||
    !equal(now.labels, before.labels) ||
    !equal(now.annotations, before.annotations)
  );
}

const isHeld = ({ finalizers }: MeshService['metadata']): boolean => finalizers?.includes(FINALIZER) ?? false;

/** zod lists each field that does not fit. */
const sentenceOf = (error: unknown): string =>
  error instanceof z.ZodError
    ? error.issues.map(({ path, message }) => `spec.${path.join('.')}: ${message}`).join('; ')
    : (error as Error).message;
