import type { Consul } from '../../clients/consul/consul.ts';
import {
  type ActualState,
  type CatalogState,
  CONFIG_KINDS,
  configKey,
  splitConfigKey,
  type HeldConfig,
} from '../../mesh/catalog/entry.ts';
import { after } from '../../mesh/catalog/after.ts';
import { equal } from '../../mesh/equal.ts';
import { foreignIn } from '../../mesh/foreign/found.ts';
import type { Change, Outcome } from '../../mesh/catalog/plan.ts';
import { shared } from '../../mesh/catalog/share.ts';
import { type Memory, memoryBook } from './memory-book.ts';
import type { CatalogPlace } from './place.ts';

/** Whether MeshServices of a namespace may claim a name that has instances already. */
export type MayClaim = (namespace: string, service: string) => Promise<boolean>;

/**
 * The memory of the state in Consul for each MeshService. We are the only writer under our owner mark, so memory is right
 * until a write fails or the timer says to look again; any doubt drops the memory.
 */
export interface Catalog {
  /** Parts of `desired` that Consul holds already are remembered as those very objects. */
  read(place: CatalogPlace, desired: CatalogState): Promise<ActualState>;
  apply(place: CatalogPlace, changes: Change[]): Promise<Outcome[]>;
  /**
   * The next read asks Consul, and calls each difference from the memory somebody else's change. `entries`: config entries by
   * `Kind/Name`, when the rest of the memory is good. Default: all is in doubt.
   */
  doubt(node: string, entries?: readonly string[]): void;
  /** The same for all; Consul may hold an earlier state, so a difference is nobody's change. */
  doubtAll(): void;
  /** The MeshService of a node is gone for good: nothing of it is remembered, and a later one of its name begins with nothing. */
  forget(node: string): void;
  /** Keyed by node. A memory is replaced, never changed, by each write. */
  memories(): ReadonlyMap<string, Memory>;
  /** Nodes whose memory is about a name in Consul. */
  about(service: string): string[];
  /** Nothing was read or written yet. */
  untouched(): boolean;
  /** A walk reads or writes Consul now. The memory that it makes may be older than an answer that others get meanwhile. */
  isBusy(): boolean;
}

export function rememberingCatalog(
  consul: Pick<Consul, 'readNode' | 'readConfig' | 'apply' | 'health'>,
  mayClaim: MayClaim = async () => false,
): Catalog {
  const held = memoryBook();
  /** Memories that were right until they came into doubt. */
  const doubted = new Map<string, Memory>();
  /** For each node of `doubted` the config entries that are in doubt; without it all is. */
  const inDoubt = new Map<string, readonly string[]>();
  /** For each node the config entries that somebody else has changed and no walk has put right yet. */
  const foreign = new Map<string, Set<string>>();
  let untouched = true;
  let underWay = 0;
  async function counted<T>(work: () => Promise<T>): Promise<T> {
    underWay++;
    try {
      return await work();
    } finally {
      underWay--;
    }
  }
  const remembered = (place: CatalogPlace): Memory | undefined => {
    const memory = held.all.get(place.node);
    return memory !== undefined && equal(memory.services, namesOf(place)) ? memory : undefined;
  };

  function foreignAt(place: CatalogPlace, actual: ActualState): string[] {
    const before = doubted.get(place.node);
    doubted.delete(place.node);
    inDoubt.delete(place.node);
    const found = foreign.get(place.node) ?? new Set<string>();
    if (before !== undefined && equal(before.services, namesOf(place)))
      for (const key of foreignIn(before.actual, actual, place.services[0])) found.add(key);
    if (found.size > 0) foreign.set(place.node, found);
    return [...found];
  }

  async function readAnew(place: CatalogPlace, desired: CatalogState): Promise<ActualState> {
    const before = doubted.get(place.node);
    const entries = inDoubt.get(place.node);
    const isGood = entries !== undefined && place.claims === undefined && equal(before?.services, namesOf(place));
    const partly = isGood ? await readEntries(consul, before!.actual, entries) : undefined;
    // With a claim all the rest may have gone.
    const isEnough = partly !== undefined && claimsIn(partly) === claimsIn(before!.actual);
    const actual = shared(isEnough ? partly : await readActual(consul, place, mayClaim), desired);
    held.set(place.node, { services: namesOf(place), actual, ...(isEnough && { removed: before!.removed }) });
    return actual;
  }

  async function write(place: CatalogPlace, changes: Change[]): Promise<Outcome[]> {
    untouched = false;
    const before = remembered(place);
    // Forgotten while the write is under way: if it is cut off, nobody knows what Consul holds.
    held.delete(place.node);
    const outcomes = await consul.apply(changes);
    if (before === undefined || !outcomes.every(({ ok }) => ok)) return outcomes;
    foreign.delete(place.node);
    const written = await readWritten(consul, changes);
    if (written !== undefined) {
      const actual = after(before.actual, changes, written);
      held.set(place.node, { services: namesOf(place), actual, removed: removedBy(before, changes) });
    }
    return outcomes;
  }

  return {
    memories: () => held.all,
    about: (service) => held.about(service),
    untouched: () => untouched,
    isBusy: () => underWay > 0,
    doubt(node, entries) {
      const memory = held.all.get(node);
      if (memory !== undefined) doubted.set(node, memory);
      if (entries === undefined) inDoubt.delete(node);
      else if (memory !== undefined) inDoubt.set(node, entries);
      held.delete(node);
    },
    forget(node) {
      for (const memory of [held, doubted, inDoubt, foreign]) memory.delete(node);
    },
    doubtAll() {
      for (const memory of [held, doubted, inDoubt, foreign]) memory.clear();
    },
    async read(place, desired) {
      untouched = false;
      const known = remembered(place);
      if (known !== undefined) {
        foreign.delete(place.node);
        return known.actual;
      }
      const actual = await counted(() => readAnew(place, desired));
      const found = foreignAt(place, actual);
      return found.length === 0 ? actual : { ...actual, foreign: found };
    },
    apply: (place, changes) => counted(() => write(place, changes)),
  };
}

/** The entries that were set, with the indexes that Consul gave them; undefined when Consul does not answer. */
async function readWritten(
  consul: Pick<Consul, 'readConfig'>,
  changes: Change[],
): Promise<ReadonlyMap<string, HeldConfig> | undefined> {
  const last = new Map(
    changes.flatMap((change) => (change.op === 'set-config' ? [[configKey(change.entry), change.entry] as const] : [])),
  );
  try {
    const read = await Promise.all(
      [...last].map(async ([key, entry]): Promise<[string, HeldConfig]> => {
        const found = await consul.readConfig(entry.Kind, entry.Name);
        // Somebody else was quicker: with an index that no entry has, any answer of Consul is news.
        const modifyIndex = equal(found?.entry, entry) ? found!.modifyIndex : 0;
        return [key, { entry, modifyIndex }];
      }),
    );
    return new Map(read);
  } catch {
    return undefined;
  }
}

/** Number of names that are claimed, by anybody. */
const claimsIn = ({ config }: ActualState): number =>
  Object.values(config).filter(({ entry }) => entry.Kind === 'service-defaults').length;

/** The state in which these config entries alone, by `Kind/Name`, are read again. */
async function readEntries(
  consul: Pick<Consul, 'readConfig'>,
  { node, config }: ActualState,
  entries: readonly string[],
): Promise<ActualState> {
  const read = await Promise.all(
    entries.map(async (key) => {
      const { kind, name } = splitConfigKey(key);
      return [key, await consul.readConfig(kind, name)] as const;
    }),
  );
  const now = { ...config };
  for (const [key, found] of read) {
    if (found === undefined) delete now[key];
    else now[key] = found;
  }
  return { node, config: now };
}

function removedBy({ actual, removed }: Memory, changes: Change[]): ReadonlyMap<string, number> | undefined {
  const keys = changes.flatMap((change) =>
    change.op === 'delete-config' ? [configKey({ Kind: change.kind, Name: change.name })] : [],
  );
  if (keys.length === 0) return removed;
  return new Map([...(removed ?? []), ...keys.map((key) => [key, actual.config[key]?.modifyIndex ?? 0] as const)]);
}

const namesOf = (place: CatalogPlace): string[] => [...new Set(place.services)].sort();

export async function readActual(
  consul: Pick<Consul, 'readNode' | 'readConfig' | 'health'>,
  place: CatalogPlace,
  mayClaim: MayClaim,
): Promise<ActualState> {
  const names = namesOf(place).flatMap((name) => CONFIG_KINDS.map((kind) => ({ kind, name })));
  const [node, ...entries] = await Promise.all([
    consul.readNode(place.node),
    ...names.map(({ kind, name }) => consul.readConfig(kind, name)),
  ]);
  const found = entries.filter((entry) => entry !== undefined);
  const config = Object.fromEntries(found.map((held) => [configKey(held.entry), held]));
  const { claims } = place;
  if (claims === undefined || config[configKey({ Kind: 'service-defaults', Name: claims.service })] !== undefined)
    return { node, config };
  const instances = (await consul.health(claims.service)).filter(({ node: its }) => !isOfMeshServices(its));
  const [first] = instances;
  if (first === undefined || (await mayClaim(claims.namespace, claims.service))) return { node, config };
  return { node, config, instances: { [claims.service]: `${first.service.ID} on Consul node ${first.node}` } };
}

/** Nodes that an operator or a bridge alone may write, for instances that a MeshService stood for. */
const isOfMeshServices = (node: string): boolean => node.startsWith('k8s.') || node.startsWith('vm.');
