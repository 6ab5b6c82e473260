import type { CheckEntry } from '../../../mesh/catalog/entry.ts';
import { escapeRegex } from './catalog-read.ts';
import { compare } from './compare.ts';
import { checkEntry } from './normalise-catalog.ts';
import type { RawCheck } from './normalise-catalog.ts';
import type { Transport } from '../transport.ts';

/**
 * The index of a whole table: the question has a filter that nothing passes, so the index comes alone.
 * https://developer.hashicorp.com/consul/api-docs/features/blocking#implementation-details
 */
const TABLES: [path: string, nothing: string][] = [
  ['/health/state/any', 'Node == ""'],
  ['/catalog/services', 'ServiceName == ""'],
  ['/catalog/nodes', 'Node == ""'],
  // One index for all kinds of config entry.
  ['/config/service-defaults', 'Name == ""'],
];

/** Any server may answer: a survey only raises doubts, and a doubt is settled by a consistent read. */
const STALE = { stale: '' };

export async function readMarks(transport: Transport): Promise<string> {
  const replies = await Promise.all(
    TABLES.map(([path, filter]) => transport.send({ method: 'GET', path, query: { ...STALE, filter } })),
  );
  return replies.map(({ index }) => index ?? '').join('/');
}

type CheckOnNode = RawCheck & { Node: string; ServiceName?: string };

async function checksOn(transport: Transport, nodePrefix: string): Promise<CheckOnNode[]> {
  const filter = `Node matches ${JSON.stringify(`^${escapeRegex(nodePrefix)}`)}`;
  const reply = await transport.send({ method: 'GET', path: '/health/state/any', query: { ...STALE, filter } });
  return reply.body as CheckOnNode[];
}

export async function readServicesOn(transport: Transport, nodePrefix: string): Promise<string[]> {
  const names = (await checksOn(transport, nodePrefix)).flatMap(({ ServiceName }) => ServiceName || []);
  return [...new Set(names)].sort(compare);
}

export async function readChecks(transport: Transport, nodePrefix: string): Promise<Map<string, CheckEntry[]>> {
  const found = new Map<string, CheckEntry[]>();
  for (const raw of await checksOn(transport, nodePrefix)) {
    // A check without a service belongs to a node of somebody else.
    if (!raw.ServiceID) continue;
    const checks = found.get(raw.Node);
    if (checks === undefined) found.set(raw.Node, [checkEntry(raw)]);
    else checks.push(checkEntry(raw));
  }
  return found;
}
