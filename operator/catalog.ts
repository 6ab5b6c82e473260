import type { Consul } from '../clients/consul/consul.ts';
import type { CatalogState } from '../mesh/entry.ts';
import { after } from '../mesh/after.ts';
import type { ActualState } from '../mesh/diff.ts';
import { CONFIG_KINDS, configKey } from '../mesh/entry.ts';
import { equal } from '../mesh/equal.ts';
import type { Change, Outcome } from '../mesh/plan.ts';
import { shared } from '../mesh/share.ts';

/** Where a MeshService's entries are: its node, and the names its config entries have or had. */
export interface CatalogPlace {
  node: string;
  services: string[];
  /** The name that is to be claimed, for a MeshService of `namespace` that did not hold it before. Default: none. */
  claims?: { service: string; namespace: string } | undefined;
}

/** Whether MeshServices of a namespace may claim a name that has instances already. */
export type MayClaim = (namespace: string, service: string) => Promise<boolean>;

/**
 * What Consul holds for each MeshService, remembered. We are the only writer under our owner mark, so memory is right
 * until a write fails or the timer says to look again; any doubt drops the memory.
 */
export interface Catalog {
  /** What is there already of `desired` is remembered as those very objects. */
  read(place: CatalogPlace, desired: CatalogState): Promise<ActualState>;
  apply(place: CatalogPlace, changes: Change[]): Promise<Outcome[]>;
  /** The next read asks Consul. */
  doubt(node: string): void;
  doubtAll(): void;
  /** By node. A memory is replaced, never changed, by each write. */
  memories(): ReadonlyMap<string, Memory>;
  /** Nothing was read or written yet. */
  untouched(): boolean;
}

/** What is remembered of one node, and of the config entries of `services`. */
export interface Memory {
  /** Each once, sorted. */
  services: string[];
  actual: ActualState;
}

export function rememberingCatalog(
  consul: Pick<Consul, 'readNode' | 'readConfig' | 'apply' | 'health'>,
  mayClaim: MayClaim = async () => false,
): Catalog {
  const held = new Map<string, Memory>();
  let untouched = true;
  const remembered = (place: CatalogPlace): ActualState | undefined => {
    const memory = held.get(place.node);
    return memory !== undefined && equal(memory.services, namesOf(place)) ? memory.actual : undefined;
  };

  return {
    memories: () => held,
    untouched: () => untouched,
    doubt: (node) => void held.delete(node),
    doubtAll: () => held.clear(),
    async read(place, desired) {
      untouched = false;
      const known = remembered(place);
      if (known !== undefined) return known;
      const actual = shared(await readActual(consul, place, mayClaim), desired);
      held.set(place.node, { services: namesOf(place), actual });
      return actual;
    },
    async apply(place, changes) {
      untouched = false;
      const before = remembered(place);
      // Forgotten while the write is under way: if it is cut off, nobody knows what Consul holds.
      held.delete(place.node);
      const outcomes = await consul.apply(changes);
      const certain = before !== undefined && outcomes.every(({ ok }) => ok);
      const actual = certain ? after(before, changes) : 'unknown';
      if (actual !== 'unknown') held.set(place.node, { services: namesOf(place), actual });
      return outcomes;
    },
  };
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
