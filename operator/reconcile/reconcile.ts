import { ConsulUnavailable } from '../../clients/consul/errors.ts';
import { consulName, type MeshServiceStatus } from '../../crds/mesh-service.ts';
import { REASONS } from '../../crds/reasons.ts';
import { type Intent, desiredState } from '../../mesh/service/desired.ts';
import { diff } from '../../mesh/catalog/diff.ts';
import type { ActualState, CatalogState } from '../../mesh/catalog/entry.ts';
import { podsNode } from '../../mesh/names/names.ts';
import type { Change, Outcome, Plan } from '../../mesh/catalog/plan.ts';
import { type Seen, statusOf } from '../../mesh/status/status.ts';
import type { CatalogPlace } from '../catalog/catalog.ts';
import { ClusterNameTaken } from '../catalog/cluster-claim.ts';

/** The calls of the walk to the world. None of them decides anything. */
export interface Steps {
  /** The MeshService and its pods; undefined when the object is gone for good. */
  readIntent(key: string): Intent | undefined;
  /** Marks the object, so that it cannot go before its entries have. */
  holdObject(intent: Intent): Promise<void>;
  catalog: {
    read(place: CatalogPlace, desired: CatalogState): Promise<ActualState>;
    apply(place: CatalogPlace, changes: Change[]): Promise<Outcome[]>;
  };
  /** Keeps the sidecars' Secret and its token, which is for `service`; answers the sentence of what went wrong, if anything did. */
  keepSidecarSecret(intent: Intent, service: string | undefined): Promise<string | undefined>;
  /** Ends the token and removes the Secret: a MeshService without the name gets no token for it. Answers as the above. */
  dropSidecarSecret(intent: Intent): Promise<string | undefined>;
  /** Keeps the NetworkPolicy that closes the ports of the app; answers as the above. */
  keepDoors(intent: Intent): Promise<string | undefined>;
  /** Facts for the status that neither the object nor the plan holds. */
  look(intent: Intent): Promise<Seen>;
  writeStatus(intent: Intent, status: MeshServiceStatus): Promise<void>;
  /** Ends the tokens and removes the Secret, then lets the object go. */
  releaseObject(intent: Intent): Promise<void>;
  report(intent: Intent, plan: Plan, outcomes: Outcome[]): void;
  /** Asks for one more walk, once this one is over. */
  again(key: string): void;
  /** RFC 3339. */
  now(): string;
}

/**
 * Makes Consul hold what a MeshService asks for, and says so in its status.
 *
 *   intent -> desired -> (actual) -> plan -> outcome -> status
 *
 * Deletion needs no special case: an intent that asks for nothing makes everything a removal, and the object goes when
 * nothing is left. Throws when the walk has to be made again; the queue waits a little and does so.
 */
export async function reconcile(key: string, steps: Steps): Promise<void> {
  const intent = steps.readIntent(key);
  if (intent === undefined) return;
  const leaving = intent.meshService === undefined;
  if (!leaving) await steps.holdObject(intent);

  // It needs no Consul, and a name that is another's leaves no door open.
  const doorsProblem = leaving ? undefined : await steps.keepDoors(intent);

  const desired = desiredState(intent);
  const place = placeOf(intent);
  const walk = await consulWalk(steps, place, desired);
  steps.report(intent, walk.plan, walk.outcomes);

  const failed = walk.outcomes.find((outcome) => !outcome.ok);
  if (leaving) {
    // Nothing under a name that another cluster holds is ours to remove.
    if (walk.error !== undefined && !(walk.error instanceof ClusterNameTaken)) throw walk.error;
    if (failed !== undefined) throw new Error(`not everything could be removed yet: ${failed.error}`);
    if (walk.cut) return steps.again(key);
    await steps.releaseObject(intent);
    return;
  }
  const tokenProblem = await sidecarSecret(steps, intent, desired.service, walk);
  // The status speaks of the whole: the walk that comes to its end says it.
  if (walk.cut && failed === undefined && tokenProblem === undefined) return steps.again(key);
  const seen: Seen = { ...(await steps.look(intent)), ...unreached(walk), tokenProblem };
  await steps.writeStatus(intent, statusOf(intent, desired, walk.plan, walk.outcomes, seen, steps.now()));
  if (walk.error !== undefined) throw walk.error;
  if (failed !== undefined) throw new Error(failed.error);
  if (tokenProblem !== undefined) throw new Error(tokenProblem);
  if (doorsProblem !== undefined) throw new Error(doorsProblem);
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
async function consulWalk(steps: Steps, place: CatalogPlace, desired: ReturnType<typeof desiredState>): Promise<Walk> {
  const walk: Walk = { plan: { changes: [], conflicts: [] }, outcomes: [], cut: false, error: undefined };
  try {
    walk.plan = diff(desired, await steps.catalog.read(place, desired), desired.owner);
    const changes = walk.plan.changes.slice(0, CHANGES_A_WALK);
    walk.cut = changes.length < walk.plan.changes.length;
    if (changes.length > 0) walk.outcomes = await steps.catalog.apply(place, changes);
  } catch (error) {
    walk.error = error as Error;
  }
  return walk;
}

/** One sentence for all that Consul does not answer, so that a status does not change from try to try. */
const problemOf = (error: Error): string =>
  error instanceof ConsulUnavailable ? REASONS.ConsulUnavailable : error.message;

/** A token for a name goes only to who holds it: not before the claim, and not after a conflict. */
async function sidecarSecret(
  steps: Steps,
  intent: Intent,
  service: string | undefined,
  walk: Walk,
): Promise<string | undefined> {
  if (walk.plan.conflicts.length > 0) return steps.dropSidecarSecret(intent);
  const unclaimed = walk.outcomes.some(
    ({ ok, change }) =>
      !ok && change.op === 'set-config' && change.entry.Kind === 'service-defaults' && change.modifyIndex === 0,
  );
  return walk.error !== undefined || unclaimed ? undefined : steps.keepSidecarSecret(intent, service);
}

/** The name it has now and those it had: a renamed MeshService leaves nothing behind. */
export function placeOf(intent: Intent): CatalogPlace {
  const { cluster, namespace, name, meshService, formerServices } = intent;
  const services = meshService === undefined ? formerServices : [consulName(meshService), ...formerServices];
  const service = meshService && consulName(meshService);
  const claims = service === undefined || service === intent.holds ? undefined : { service, namespace };
  return { node: podsNode(cluster, namespace, name), services, claims };
}
