import { configSteps } from './config-steps.ts';
import { type ActualState, type CatalogState, type CheckEntry, type NodeEntry, type Registration } from './entry.ts';
import { equal } from '../equal.ts';
import { kept } from './kept.ts';
import { type Claim, conflictsOf, judged } from './ownership.ts';
import type { Change, Plan } from './plan.ts';

/** The state that diff leads to. */
export interface Wish extends CatalogState, Claim {
  /** The MeshService cannot be served as it asks; see mesh/catalog/kept.ts. */
  keepsConfig?: boolean;
  /** With `keepsConfig`: entries that lead to other services go. */
  withdraws?: boolean;
}

/**
 * What to write so that Consul holds `desired`.
 *
 * | held now        | asked for | same | change                                                        |
 * |-----------------|-----------|------|---------------------------------------------------------------|
 * | nothing         | yes       | -    | create                                                        |
 * | ours            | yes       | yes  | none: a re-registration without change still costs a write    |
 * | ours            | yes       | no   | write; only the checks, when only they differ                 |
 * | ours            | no        | -    | remove                                                        |
 * | another owner's | yes       | -    | conflict: nothing of it is touched, and nothing is registered |
 * | another owner's | no        | -    | none                                                          |
 *
 * Ours is what bears our mark, and every config entry under a name whose claim is ours (mesh/catalog/ownership.ts).
 *
 * Whoever does not own a name holds nothing under it: on a conflict the desired state shrinks to nothing, so what was
 * registered before goes away and the owner's traffic never reaches a stranger.
 */
export function diff(desired: Wish, actual: ActualState, owner: string): Plan {
  const mine = judged(desired, actual, owner);
  const conflicts = conflictsOf(desired, actual, mine, owner);
  const wanted = conflicts.length === 0 ? desired : { node: undefined, config: {} };
  const keeps = desired.keepsConfig === true && conflicts.length === 0;
  const config = keeps
    ? kept(wanted.config, mine.config, owner, { service: desired.service, withdraws: desired.withdraws === true })
    : wanted.config;
  // Config entries before registrations: an instance is known under its protocol from its first moment.
  const changes = [...removals(wanted, mine), ...configSteps(mine.config, config), ...writes(wanted, mine)];
  return { changes, conflicts, ...(actual.foreign && { foreign: actual.foreign }) };
}

/** Instances first: traffic to what is gone stops before anything else happens. */
function removals(desired: CatalogState, actual: ActualState): Change[] {
  const changes: Change[] = [];
  if (actual.node !== undefined && desired.node?.Node !== actual.node.Node) {
    changes.push({ op: 'delete-node', node: actual.node.Node });
  } else if (actual.node !== undefined) {
    const { Node: node, registrations } = actual.node;
    const gone = Object.keys(registrations).filter((id) => desired.node?.registrations[id] === undefined);
    for (const id of gone.sort()) {
      changes.push({ op: 'delete-service', node, id, service: registrations[id]!.service.Service });
    }
  }
  return changes;
}

/** Flips before registrations, so an instance that leaves does not wait behind hundreds of new ones. */
function writes(desired: CatalogState, actual: ActualState): Change[] {
  if (desired.node === undefined) return [];
  const { registrations, ...node } = desired.node;
  const held = actual.node?.Node === node.Node ? actual.node : undefined;
  const nodeSame = held !== undefined && held.Address === node.Address && equal(held.Meta, node.Meta);
  const nodeChange: Change[] = nodeSame ? [] : [{ op: 'set-node', node }];
  const differing = Object.keys(registrations).filter((id) => !holds(held?.registrations[id], registrations[id]!));
  const services = differing
    .sort()
    .flatMap((id) => registrationChanges(node, registrations[id]!, held?.registrations[id]));
  const registers = services.filter((change) => change.op === 'register');
  const flips = services.filter((change) => change.op !== 'register');
  return [...nodeChange, ...flips, ...registers];
}

/** The usual case, for which nothing is made: the held object is the wanted one itself, or equals it. */
const holds = (held: Registration | undefined, wanted: Registration): boolean =>
  held === wanted ||
  (held !== undefined &&
    equal(held.service, wanted.service) &&
    wanted.checks.every((check) => equal(checkOf(held, check), check)));

const checkOf = (held: Registration, { CheckID }: CheckEntry): CheckEntry | undefined =>
  held.checks.find((check) => check.CheckID === CheckID);

/** Only the checks differ -> only they are written: a readiness flip never re-registers. */
function registrationChanges(
  node: Omit<NodeEntry, 'registrations'>,
  wanted: Registration,
  held: Registration | undefined,
): Change[] {
  if (held === undefined || !equal(held.service, wanted.service)) {
    return [{ op: 'register', node, registration: wanted }];
  }
  return wanted.checks
    .filter((check) => !equal(checkOf(held, check), check))
    .map((check) => ({ op: 'set-check', node: node.Node, check }));
}
