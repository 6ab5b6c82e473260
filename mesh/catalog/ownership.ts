import {
  type ActualState,
  type CatalogState,
  CONFIG_KINDS,
  type ConfigEntry,
  configKey,
  type HeldConfig,
  OWNER_META,
} from './entry.ts';
import type { Conflict } from './plan.ts';

/** Whose the entries are, beyond what they bear. */
export interface Claim {
  /** The name in Consul that is wanted; undefined: none. */
  service?: string | undefined;
  /** The name that this owner held before, as its status says: a mark that was taken off is put back there, not obeyed. */
  holds?: string | undefined;
  /** Owners of this cluster who want the name too. Default: not known. Any other mark in the place of one that was held is forged. */
  rivals?: string[] | undefined;
}

const markOf = (entry: { Meta: Record<string, string> } | undefined): string | undefined => entry?.Meta[OWNER_META];

/** Whether `owner` has the claim on a name: its service-defaults. */
function holdsName(name: string, claim: Claim, { config }: ActualState, owner: string): boolean {
  const mark = markOf(config[configKey({ Kind: 'service-defaults', Name: name })]?.entry);
  if (mark === owner) return true;
  return name === claim.holds && (mark === undefined || isForged(mark, claim));
}

/** One Kubernetes cluster uses a Consul datacenter (operator/bootstrap/external.ts), and knows all of its MeshServices. */
const isForged = (mark: string, { rivals }: Claim): boolean => rivals !== undefined && !rivals.includes(mark);

const isOfService = ({ Kind }: ConfigEntry): boolean => (CONFIG_KINDS as readonly string[]).includes(Kind);

/**
 * The part of Consul's entries that this owner may judge.
 *
 * | entry                                 | the claim on its name | judged |
 * |---------------------------------------|-----------------------|--------|
 * | bears the owner's mark                | -                     | yes    |
 * | of a service, with another mark, none | the owner's           | yes: whoever writes it, it works on the owner's traffic |
 * | with another mark, none               | not the owner's       | no     |
 */
export function judged(claim: Claim, actual: ActualState, owner: string): ActualState {
  const names = new Map<string, boolean>();
  const isHeld = (name: string): boolean => {
    const known = names.get(name) ?? holdsName(name, claim, actual, owner);
    names.set(name, known);
    return known;
  };
  const isMine = ({ entry }: HeldConfig): boolean =>
    markOf(entry) === owner || (isOfService(entry) && isHeld(entry.Name));
  const isOwnNode = markOf(actual.node) === owner || (markOf(actual.node) === undefined && claim.holds !== undefined);
  return {
    node: isOwnNode ? actual.node : undefined,
    config: Object.fromEntries(Object.entries(actual.config).filter(([, held]) => isMine(held))),
  };
}

/** The entries and instances in the way of `desired`. Nothing of them is touched. `mine` is the result of `judged`. */
export function conflictsOf(
  desired: CatalogState & Claim,
  actual: ActualState,
  mine: ActualState,
  owner: string,
): Conflict[] {
  const wanted = new Set(Object.keys(desired.config));
  // Before the claim is made, also what would work on the name without being asked for.
  const inTheWay = Object.entries(actual.config).filter(
    ([key, { entry }]) =>
      mine.config[key] === undefined && (wanted.has(key) || (isOfService(entry) && entry.Name === desired.service)),
  );
  const conflicts: Conflict[] = inTheWay
    .map(([key, { entry }]) => ({ what: key, owner: markOf(entry) ?? 'unmarked' }))
    .sort((a, b) => (a.what < b.what ? -1 : 1));
  const { node } = actual;
  if (desired.node !== undefined && node !== undefined && mine.node === undefined)
    conflicts.push({ what: `node/${node.Node}`, owner: markOf(node) ?? 'unmarked' });
  const { service } = desired;
  const isFree = service !== undefined && !holdsName(service, desired, actual, owner);
  const instance = isFree ? actual.instances?.[service] : undefined;
  if (instance !== undefined && conflicts.length === 0)
    conflicts.push({ what: instance, owner: 'unmarked', reason: 'NameInUse' });
  return conflicts;
}
