import type { NodeEntry, Registration } from '../../../mesh/catalog/entry.ts';
import { compare } from './compare.ts';
import type { NodeSummary, ServiceInstance } from '../consul.ts';
import { ConsulDenied } from '../errors.ts';
import { checkEntry, healthOf, serviceEntry } from './normalise-catalog.ts';
import type { RawCheck, RawService } from './normalise-catalog.ts';
import { readAll } from './read.ts';
import type { ConsulReply, Transport } from '../transport.ts';

interface RawNode {
  Node: string;
  Address: string;
  Meta?: Record<string, string> | null;
}

interface RawNodeServices {
  Node: RawNode | null;
  Services: RawService[] | null;
}

interface RawHealth {
  Node: RawNode;
  Service: RawService;
  Checks: RawCheck[] | null;
}

/**
 * Consul leaves out objects that the token cannot read, and reports no error. Taken at its word that would look like a removal,
 * so an answer about one thing that was cut, or may have been, is an error.
 */
function whole<T>(reply: ConsulReply, about: string, isNothing: (body: T) => boolean): T {
  const body = reply.body as T;
  if (!reply.filtered && !(reply.anonymous && isNothing(body))) return body;
  const needed = 'node:read and service:read';
  throw new ConsulDenied(`Consul hid ${about}, or a part of it, from the token; grant ${needed} in its policy`, needed);
}

const isEmpty = (list: unknown[]): boolean => list.length === 0;

async function readServices(transport: Transport, node: string): Promise<RawNodeServices | undefined> {
  const reply = await readAll(transport, `/catalog/node-services/${encodeURIComponent(node)}`);
  const body = whole<RawNodeServices | null>(reply, `node ${node}`, (held) => !held?.Node);
  return body?.Node ? body : undefined;
}

export async function readNode(transport: Transport, name: string): Promise<NodeEntry | undefined> {
  const [held, checks] = await Promise.all([
    readServices(transport, name),
    readAll(transport, `/health/node/${encodeURIComponent(name)}`),
  ]);
  if (held === undefined) return undefined;
  const registrations: Record<string, Registration> = {};
  for (const raw of held.Services ?? []) registrations[raw.ID] = { service: serviceEntry(raw), checks: [] };
  // A check without a service belongs to a node of somebody else.
  for (const raw of whole<RawCheck[]>(checks, `node ${name}`, isEmpty)) {
    registrations[raw.ServiceID ?? '']?.checks.push(checkEntry(raw));
  }
  for (const { checks: own } of Object.values(registrations)) own.sort((a, b) => compare(a.CheckID, b.CheckID));
  return { Node: held.Node!.Node, Address: held.Node!.Address, Meta: held.Node!.Meta ?? {}, registrations };
}

export async function listNodes(transport: Transport, prefix: string): Promise<NodeSummary[]> {
  const filter = `Node matches ${JSON.stringify(`^${escapeRegex(prefix)}`)}`;
  const reply = await readAll(transport, '/catalog/nodes', prefix === '' ? {} : { query: { filter } });
  return (reply.body as RawNode[])
    .map((raw) => ({ name: raw.Node, address: raw.Address, meta: raw.Meta ?? {} }))
    .sort((a, b) => compare(a.name, b.name));
}

export async function readHealth(transport: Transport, service: string, connect: boolean): Promise<ServiceInstance[]> {
  const path = `/health/${connect ? 'connect' : 'service'}/${encodeURIComponent(service)}`;
  const reply = await readAll(transport, path);
  return whole<RawHealth[]>(reply, `service ${service}`, isEmpty)
    .map((raw) => {
      const checks = raw.Checks ?? [];
      const failing = checks.find((check) => healthOf(check.Status) === 'critical');
      return {
        node: raw.Node.Node,
        address: raw.Service.Address || raw.Node.Address,
        service: serviceEntry(raw.Service),
        status: failing === undefined ? ('passing' as const) : ('critical' as const),
        output: (failing ?? checks[0])?.Output ?? '',
      };
    })
    .sort((a, b) => compare(a.node, b.node) || compare(a.service.ID, b.service.ID));
}

export async function readServiceNames(transport: Transport): Promise<string[]> {
  const reply = await readAll(transport, '/catalog/services');
  return Object.keys(reply.body as object).sort(compare);
}

export const escapeRegex = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
