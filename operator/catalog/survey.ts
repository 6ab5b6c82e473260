import type { Consul, NodeSummary } from '../../clients/consul/consul.ts';
import {
  CONFIG_KINDS,
  type CheckEntry,
  type ConfigEntry,
  type NodeEntry,
  OWNER_META,
  configKey,
} from '../../mesh/catalog/entry.ts';
import { equal } from '../../mesh/equal.ts';
import { ownedBy, podsNode, podsNodePrefix } from '../../mesh/names/names.ts';
import type { Catalog } from './catalog.ts';
import type { Memory } from './memory-book.ts';

export interface SurveyOptions {
  consul: Pick<Consul, 'marks' | 'checks' | 'listNodes' | 'listConfig'>;
  catalog: Pick<Catalog, 'memories' | 'untouched' | 'isBusy'>;
  cluster: string;
  /** Consul holds entries with the mark of a MeshService of this cluster, and the memory of that one knows nothing of them. */
  onUnknown: (marked: Marked) => void;
}

/** Entries with the mark of one MeshService, which may be there or not. */
export interface Marked {
  namespace: string;
  name: string;
  /** Names under which it has config entries; none: it has a node. */
  services: string[];
}

export interface Surveyor {
  /**
   * Call it before the first read. While Consul stays as it is, the state that is read after this call is not compared a
   * second time: that is so after a start or a change of the leader where all is in order. Tells of all marks.
   */
  begin(): Promise<void>;
  /** Names the Consul nodes that differ. */
  survey(): Promise<string[]>;
}

/**
 * Compares the whole state in Consul with the memory, and names the Consul nodes that differ: a handful of requests for any number of MeshServices, and only the indexes while Consul has not changed at all.
 *
 * It sees what came, what went and what was changed of nodes, of checks (an instance is seen by its checks) and of config
 * entries. It does not see a service that somebody registered again with the same checks and another port: for that
 * each MeshService is read for itself now and then. It may name too many, never decides, and repairs nothing.
 */
export function surveyor({ consul, catalog, cluster, onUnknown }: SurveyOptions): Surveyor {
  const nodePrefix = podsNodePrefix(cluster);
  /** Marks of a moment since which all that is remembered was read, or compared. */
  let compared: string | undefined;

  async function begin(): Promise<void> {
    const marks = await consul.marks();
    const untouched = catalog.untouched();
    tell(await lookForMarks(consul, nodePrefix));
    if (untouched) compared = marks;
  }

  function tell(sight: Pick<Sight, 'nodes' | 'marked'>): void {
    for (const marked of unknownOf(cluster, sight, catalog.memories())) onUnknown(marked);
  }

  async function survey(): Promise<string[]> {
    // Both first: a write to Consul during the other reads is looked at again, and so is a memory that comes or goes.
    const before = new Map(catalog.memories());
    const marks = await consul.marks();
    if (marks === compared) return [];
    const sight = await look(consul, nodePrefix);
    const now = catalog.memories();
    let isSteady = now.size === before.size && !catalog.isBusy();
    const differing: string[] = [];
    for (const [node, memory] of before) {
      // Written meanwhile, so the reading may be older than the memory.
      if (now.get(node) !== memory) isSteady = false;
      else if (!agrees(node, memory, sight)) differing.push(node);
    }
    tell(sight);
    compared = isSteady && differing.length === 0 ? marks : undefined;
    return differing;
  }
  return { begin, survey };
}

interface Sight {
  nodes: Map<string, NodeSummary>;
  checks: Map<string, CheckEntry[]>;
  /** Index by `Kind/Name`. */
  config: Map<string, number>;
  /** Names of config entries, by the mark that they bear. */
  marked: Map<string, Set<string>>;
}

async function look(consul: SurveyOptions['consul'], nodePrefix: string): Promise<Sight> {
  const [seen, checks] = await Promise.all([lookForMarks(consul, nodePrefix), consul.checks(nodePrefix)]);
  return { ...seen, checks };
}

async function lookForMarks(consul: SurveyOptions['consul'], nodePrefix: string): Promise<Omit<Sight, 'checks'>> {
  const [nodes, ...kinds] = await Promise.all([
    consul.listNodes(nodePrefix),
    ...CONFIG_KINDS.map((kind) => consul.listConfig(kind)),
  ]);
  const config = new Map<string, number>();
  const marked = new Map<string, Set<string>>();
  for (const { entry, modifyIndex } of kinds.flat()) {
    config.set(configKey(entry), modifyIndex);
    const owner = entry.Meta[OWNER_META];
    if (owner === undefined) continue;
    const names = marked.get(owner);
    if (names === undefined) marked.set(owner, new Set([entry.Name]));
    else names.add(entry.Name);
  }
  return { nodes: new Map(nodes.map((node) => [node.name, node])), config, marked };
}

/** Entries with the mark of a MeshService of the cluster that its memory does not have. */
function* unknownOf(
  cluster: string,
  { nodes, marked }: Pick<Sight, 'nodes' | 'marked'>,
  memories: ReadonlyMap<string, Memory>,
): Generator<Marked> {
  for (const [owner, names] of marked) {
    const place = ownedBy(cluster, owner);
    if (place === undefined) continue;
    const known = memories.get(podsNode(cluster, place.namespace, place.name))?.services ?? [];
    const services = [...names].filter((name) => !known.includes(name));
    if (services.length > 0) yield { ...place, services };
  }
  for (const [node, { meta }] of nodes) {
    const owner = meta[OWNER_META];
    const place = marked.has(owner ?? '') || memories.has(node) ? undefined : ownedBy(cluster, owner);
    if (place !== undefined) yield { ...place, services: [] };
  }
}

function agrees(name: string, { services, actual }: Memory, { nodes, checks, config }: Sight): boolean {
  return sameNode(actual.node, nodes.get(name), checks.get(name) ?? []) && services.every(sameConfig);

  function sameConfig(service: string): boolean {
    return CONFIG_KINDS.every((kind: ConfigEntry['Kind']) => {
      const key = configKey({ Kind: kind, Name: service });
      return config.get(key) === actual.config[key]?.modifyIndex;
    });
  }
}

function sameNode(held: NodeEntry | undefined, node: NodeSummary | undefined, checks: CheckEntry[]): boolean {
  if (held === undefined || node === undefined) return held === undefined && node === undefined;
  if (held.Address !== node.address || !equal(held.Meta, node.meta)) return false;
  let expected = 0;
  for (const id in held.registrations) expected += held.registrations[id]!.checks.length;
  return (
    expected === checks.length &&
    checks.every((check) =>
      held.registrations[check.ServiceID]?.checks.some((one) => one.CheckID === check.CheckID && equal(one, check)),
    )
  );
}
