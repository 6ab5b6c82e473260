import type { Consul, NodeSummary } from '../clients/consul/consul.ts';
import { CONFIG_KINDS, type CheckEntry, type ConfigEntry, type NodeEntry, configKey } from '../mesh/entry.ts';
import { equal } from '../mesh/equal.ts';
import type { Catalog, Memory } from './catalog.ts';

export interface SurveyOptions {
  consul: Pick<Consul, 'marks' | 'checks' | 'listNodes' | 'listConfig'>;
  catalog: Pick<Catalog, 'memories' | 'untouched'>;
  /** Of the Consul nodes that are ours. */
  nodePrefix: string;
}

export interface Surveyor {
  /**
   * To be called before anything is read: while Consul does not change from then on, what is read is not compared once
   * more, as after a start or a change of the leader where all is in order.
   */
  begin(): Promise<void>;
  /** Names the Consul nodes that differ. */
  survey(): Promise<string[]>;
}

/**
 * Compares all that Consul holds with all that is remembered, and names the Consul nodes that differ: a handful of
 * requests for any number of MeshServices, and no more than the indexes while Consul has not changed at all.
 *
 * It sees what came, what went and what was changed of nodes, of checks (an instance is seen by its checks) and of config
 * entries. It does not see a service that somebody registered again with the same checks and another port: for that
 * each MeshService is read for itself now and then. It may name too many, never decides, and repairs nothing.
 */
export function surveyor({ consul, catalog, nodePrefix }: SurveyOptions): Surveyor {
  /** Marks of a moment since which all that is remembered was read, or compared. */
  let compared: string | undefined;

  async function begin(): Promise<void> {
    const marks = await consul.marks();
    if (catalog.untouched()) compared = marks;
  }

  async function survey(): Promise<string[]> {
    // Read first: what is written while the rest is read is looked at again.
    const marks = await consul.marks();
    if (marks === compared) return [];
    const before = new Map(catalog.memories());
    const sight = await look(consul, nodePrefix);
    const differing: string[] = [];
    let skipped = false;
    for (const [node, memory] of before) {
      // Written meanwhile: what was just read may be older than what is remembered.
      if (catalog.memories().get(node) !== memory) skipped = true;
      else if (!agrees(node, memory, sight)) differing.push(node);
    }
    compared = skipped || differing.length > 0 ? undefined : marks;
    return differing;
  }
  return { begin, survey };
}

interface Sight {
  nodes: Map<string, NodeSummary>;
  checks: Map<string, CheckEntry[]>;
  /** Index by `Kind/Name`. */
  config: Map<string, number>;
}

async function look(consul: SurveyOptions['consul'], nodePrefix: string): Promise<Sight> {
  const [nodes, checks, ...config] = await Promise.all([
    consul.listNodes(nodePrefix),
    consul.checks(nodePrefix),
    ...CONFIG_KINDS.map((kind) => consul.listConfig(kind)),
  ]);
  return {
    nodes: new Map(nodes.map((node) => [node.name, node])),
    checks,
    config: new Map(config.flat().map(({ entry, modifyIndex }) => [configKey(entry), modifyIndex])),
  };
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
