import type { NodeEntry } from '../mesh/catalog/entry.ts';
import { OWNER_META } from '../mesh/catalog/entry.ts';
import { bridgeOwner, externalNode } from '../mesh/names/names.ts';
import { inParallel } from '../base/in-parallel.ts';
import type { HostIdentity } from './certificates/authority.ts';
import type { Bridge } from './api/bridge.ts';
import { listExternalRecords } from './externals/record.ts';
import { type HeldRecord, listHostRecords } from './hosts/host-record.ts';
import { isLapsed } from './hosts/vm-node.ts';

/** The parts of the bridge that this touches. */
type Parts = 'clock' | 'consul' | 'externals' | 'hosts' | 'leaseMs' | 'log' | 'writer';

const PARALLEL = 8;

/**
 * Takes up the records in KV and the nodes in the catalog of an earlier life of the bridge. Every host gets a full
 * lease, except one that Consul shows as lapsed, or has lost: that one is down already and stays so until it beats, so that machines that ended long ago do not count as a loss after a start. All is read before anything is taken over, so a failure (it throws the errors of Consul) leaves nothing half loaded.
 */
export async function load(bridge: Pick<Bridge, Parts>): Promise<void> {
  const { consul, log } = bridge;
  const [hosts, externals] = [await listHostRecords(consul), await listExternalRecords(consul)];
  const unreadable = [...hosts.unreadable, ...externals.unreadable];
  if (unreadable.length > 0) log.error({ keys: unreadable }, 'records that cannot be read are left alone');
  const summaries = [...(await consul.listNodes('vm.')), ...(await consul.listNodes('ext.'))];
  const nodes = new Map<string, NodeEntry>();
  const failed: unknown[] = [];
  await inParallel(summaries, PARALLEL, async ({ name }) => {
    try {
      const node = await consul.readNode(name);
      if (node !== undefined) nodes.set(name, node);
    } catch (error) {
      failed.push(error);
    }
  });
  if (failed.length > 0) throw failed[0];

  for (const held of hosts.records) takeUpHost(bridge, held.record, held, nodes);
  for (const identity of orphans(bridge, nodes)) takeUpHost(bridge, identity, undefined, nodes);
  for (const { name, wanted } of externals.records) {
    const node = externalNode(wanted.site, name);
    bridge.writer.adopt(node, bridgeOwner(wanted.site, name), nodes.get(node));
    bridge.externals.resume(name, wanted);
  }
  log.info({ hosts: bridge.hosts.all().length, externals: bridge.externals.all().length }, 'records loaded');
}

function takeUpHost(
  bridge: Pick<Bridge, Parts>,
  identity: HostIdentity,
  held: HeldRecord | undefined,
  nodes: Map<string, NodeEntry>,
): void {
  const { clock, leaseMs, writer } = bridge;
  const host = bridge.hosts.add(identity, clock.steady(), held);
  const node = nodes.get(host.node);
  writer.adopt(host.node, host.owner, node);
  const diedAt = held?.record.diedAt;
  if (diedAt !== undefined) host.diedAtMs = Date.parse(diedAt);
  if (node === undefined || isLapsed(node)) {
    host.lease.down = true;
    host.diedAtMs ??= clock.now();
    // Long enough ago not to count as a loss of this moment.
    host.lease.heardAtMs = clock.steady() - Math.max(2 * leaseMs, clock.now() - host.diedAtMs);
  }
  if (held?.record.revokedAt !== undefined) void writer.want(host.node, host.owner, undefined);
}

/** Hosts of which only the node is left, because the KV was lost: they lapse and are cleaned up like dead ones. */
function orphans(bridge: Pick<Bridge, Parts>, nodes: Map<string, NodeEntry>): HostIdentity[] {
  return [...nodes.values()].flatMap((node) => {
    const [, site, host] = /^vm\.([a-z0-9-]+)\.([a-z0-9-]+)$/.exec(node.Node) ?? [];
    if (site === undefined || host === undefined || bridge.hosts.get({ site, host }) !== undefined) return [];
    return node.Meta[OWNER_META] === bridgeOwner(site, host) ? [{ site, host }] : [];
  });
}
