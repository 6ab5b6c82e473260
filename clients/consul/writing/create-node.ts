import type { NodeEntry } from '../../../mesh/catalog/entry.ts';
import { refusal } from '../refusal.ts';
import type { Transport } from '../transport.ts';

/** Consul's words for a compare-and-set that came second (agent/consul/state/txn.go). */
const STALE = /index is stale/;

/**
 * Makes a node that nobody has: of all who try at once, one gets true. False when there is one of that name, also when an
 * earlier try of ours made it.
 */
export async function createNode(transport: Transport, node: Omit<NodeEntry, 'registrations'>): Promise<boolean> {
  const { Node, Address, Meta } = node;
  const body = [{ Node: { Verb: 'cas', Node: { Node, Address, Meta, ModifyIndex: 0 } } }];
  const reply = await transport.send({ method: 'PUT', path: '/txn', body, accept: [409], repeatable: true });
  if (reply.status !== 409) return true;
  const [first] = (reply.body as { Errors: { What: string }[] | null }).Errors ?? [];
  if (first !== undefined && STALE.test(first.What)) return false;
  throw refusal(`node ${Node} in PUT /v1/txn`, 409, first?.What ?? '');
}
