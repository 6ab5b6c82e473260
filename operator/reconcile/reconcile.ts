import { ConsulUnavailable } from '../../clients/consul/errors.ts';
import { consulName } from '../../crds/mesh-service.ts';
import { REASONS } from '../../crds/reasons.ts';
import { diff } from '../../mesh/catalog/diff.ts';
import type { Outcome, Plan } from '../../mesh/catalog/plan.ts';
import { type Desired, type Intent, desiredState } from '../../mesh/service/desired.ts';
import { type Seen, statusOf } from '../../mesh/status/status.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { ClusterNameTaken } from '../catalog/cluster-claim.ts';
import { type CatalogPlace, placeOf } from '../catalog/place.ts';
import type { Doors } from '../doors/doors.ts';
import type { ForeignBook } from '../foreign/foreign-book.ts';
import type { SidecarSecrets } from '../sidecar-secret/sidecar-secret.ts';
import type { HeldMeshService } from '../world/held-mesh-service.ts';
import type { Finalizer } from './finalizer.ts';
import type { Intents } from './intents.ts';
import { keepSecret } from './keep-secret.ts';
import type { KnownNames } from './known-names.ts';
import { refuseInvalid } from './refuse-invalid.ts';
import type { Report } from './report-walk.ts';
import type { StatusWriter } from './status-writer.ts';
import type { Surroundings } from './surroundings.ts';

/** The owners that a walk asks and tells. None of them decides what Consul is to hold. */
export interface WalkParts {
  meshServices: { get(key: string): HeldMeshService | undefined };
  intents: Intents;
  names: Pick<KnownNames, 'learn' | 'forget'>;
  finalizer: Finalizer;
  doors: Pick<Doors, 'keep'>;
  catalog: Pick<Catalog, 'read' | 'apply' | 'forget'>;
  foreign: Pick<ForeignBook, 'forget'>;
  report: Report;
  sidecarSecrets: Pick<SidecarSecrets, 'keep' | 'remove'>;
  surroundings: Pick<Surroundings, 'look' | 'forget'>;
  statuses: Pick<StatusWriter, 'write'>;
  /** Asks for one more walk, once this one is over. */
  again: (key: string) => void;
  /** RFC 3339. */
  now: () => string;
}

/**
 * Makes Consul hold what a MeshService asks for, and says so in its status. The key is `namespace/name`.
 *
 *   intent -> desired -> (actual) -> plan -> outcome -> status
 *
 * Deletion needs no special case: an intent that asks for nothing makes everything a removal, and the object goes when
 * nothing is left. Throws when the walk has to be made again; the queue waits a little and does so.
 */
export async function reconcile(key: string, parts: WalkParts): Promise<void> {
  if (await refuseInvalid(key, parts)) return;
  const intent = await parts.intents.read(key);
  if (intent === undefined) return;
  const { meshService } = intent;
  if (meshService !== undefined) await parts.finalizer.hold(meshService.metadata);

  // It needs no Consul, and a name that is another's leaves no door open.
  const doorsProblem = meshService && (await parts.doors.keep(meshService));

  const desired = desiredState(intent);
  const walk = await consulWalk(parts.catalog, placeOf(intent), desired);
  parts.report(intent, walk.plan, walk.outcomes);
  const failed = walk.outcomes.find((outcome) => !outcome.ok);
  if (meshService === undefined) return letGo(key, intent, walk, parts);

  const tokenProblem = await keepSecret(parts.sidecarSecrets, intent, desired.service, walk);
  // The status speaks of the whole: the walk that comes to its end says it.
  if (walk.cut && failed === undefined && tokenProblem === undefined) return parts.again(key);
  const seen: Seen = { ...(await parts.surroundings.look(intent)), ...unreached(walk), tokenProblem };
  const status = statusOf(intent, desired, walk.plan, walk.outcomes, seen, parts.now());
  parts.names.learn(key, consulName(meshService), status);
  await parts.statuses.write(key, status);

  if (walk.error !== undefined) throw walk.error;
  const problem = failed?.error ?? tokenProblem ?? doorsProblem;
  if (problem !== undefined) throw new Error(problem);
}

/** The end of a MeshService: once Consul holds nothing of it, its token, its Secret and its finalizer go. */
async function letGo(key: string, intent: Intent, walk: Walk, parts: WalkParts): Promise<void> {
  // Nothing under a name that another cluster holds is ours to remove.
  if (walk.error !== undefined && !(walk.error instanceof ClusterNameTaken)) throw walk.error;
  const failed = walk.outcomes.find((outcome) => !outcome.ok);
  if (failed !== undefined) throw new Error(`not everything could be removed yet: ${failed.error}`);
  if (walk.cut) return parts.again(key);
  await parts.sidecarSecrets.remove(intent.namespace, intent.name);
  parts.surroundings.forget(key);
  parts.foreign.forget(key);
  parts.catalog.forget(placeOf(intent).node);
  parts.names.forget(key);
  await parts.finalizer.release(key);
}

/**
 * Changes that a walk writes at most. The next walk, which comes at once and sees newer changes, writes the rest: a flip, or a removal, never waits behind hundreds of registrations.
 */
const CHANGES_A_WALK = 256;

interface Walk {
  plan: Plan;
  outcomes: Outcome[];
  /** Changes of the plan were left to the next walk. */
  cut: boolean;
  /** Consul did not answer. */
  error: Error | undefined;
}

/** Why Consul was not reached, for the status. */
const unreached = ({ error }: Walk): Pick<Seen, 'consulDown' | 'clusterTaken'> =>
  error instanceof ClusterNameTaken
    ? { consulDown: undefined, clusterTaken: error.message }
    : { consulDown: error && problemOf(error) };

/** Reads, compares and writes. A failure of Consul becomes part of the status instead of hiding it. */
async function consulWalk(
  catalog: Pick<Catalog, 'read' | 'apply'>,
  place: CatalogPlace,
  desired: Desired,
): Promise<Walk> {
  const walk: Walk = { plan: { changes: [], conflicts: [] }, outcomes: [], cut: false, error: undefined };
  try {
    walk.plan = diff(desired, await catalog.read(place, desired), desired.owner);
    const changes = walk.plan.changes.slice(0, CHANGES_A_WALK);
    walk.cut = changes.length < walk.plan.changes.length;
    if (changes.length > 0) walk.outcomes = await catalog.apply(place, changes);
  } catch (error) {
    walk.error = error as Error;
  }
  return walk;
}

/** One sentence for all that Consul does not answer, so that a status does not change from try to try. */
const problemOf = (error: Error): string =>
  error instanceof ConsulUnavailable ? REASONS.ConsulUnavailable : error.message;
