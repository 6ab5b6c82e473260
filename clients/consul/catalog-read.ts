import type { NodeEntry, Registration } from '../../mesh/entry.ts';
import { compare } from './compare.ts';
import type { NodeSummary, ServiceInstance } from './consul.ts';
import { ConsulDenied } from './errors.ts';
import { checkEntry, healthOf, serviceEntry } from './normalise-catalog.ts';
import type { RawCheck, RawService } from './normalise-catalog.ts';
import type { ConsulReply, Transport } from './transport.ts';

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
 * Consul leaves out, without an error, what the token may not read. Taken at its word that would look like a removal,
 * so an answer about one thing that was cut is an error.
 */
function whole(reply: ConsulReply, about: string): unknown {
  if (!reply.filtered) return reply.body;
  const needed = 'node:read and service:read';
  throw new ConsulDenied(`Consul hid a part of ${about} from the token; grant ${needed} in its policy`, needed);
}

export async function readServices(transport: Transport, node: string): Promise<RawNodeServices | undefined> {
  const reply = await transport.send({ method: 'GET', path: `/catalog/node-services/${encodeURIComponent(node)}` });
  const body = whole(reply, `node ${node}`) as RawNodeServices | null;
  return body?.Node ? body : undefined;
}

export async function readNode(transport: Transport, name: string): Promise<NodeEntry | undefined> {
  const [held, checks] = await Promise.all([
    readServices(transport, name),
    transport.send({ method: 'GET', path: `/health/node/${encodeURIComponent(name)}` }),
  ]);
  if (held === undefined) return undefined;
  const registrations: Record<string, Registration> = {};
  for (const raw of held.Services ?? []) registrations[raw.ID] = { service: serviceEntry(raw), checks: [] };
  // A check without a service belongs to the node, which is none of ours.
  for (const raw of whole(checks, `node ${name}`) as RawCheck[]) {
    registrations[raw.ServiceID ?? '']?.checks.push(checkEntry(raw));
  }
  for (const { checks: own } of Object.values(registrations)) own.sort((a, b) => compare(a.CheckID, b.CheckID));
  return { Node: held.Node!.Node, Address: held.Node!.Address, Meta: held.Node!.Meta ?? {}, registrations };
}

export async function listNodes(transport: Transport, prefix: string): Promise<NodeSummary[]> {
  const filter = `Node matches ${JSON.stringify(`^${escapeRegex(prefix)}`)}`;
  const reply = await transport.send({ method: 'GET', path: '/catalog/nodes', query: prefix === '' ? {} : { filter } });
  return (reply.body as RawNode[])
    .map((raw) => ({ name: raw.Node, address: raw.Address, meta: raw.Meta ?? {} }))
    .sort((a, b) => compare(a.name, b.name));
}

export async function readHealth(transport: Transport, service: string, connect: boolean): Promise<ServiceInstance[]> {
  const path = `/health/${connect ? 'connect' : 'service'}/${encodeURIComponent(service)}`;
  const reply = await transport.send({ method: 'GET', path });
  return (whole(reply, `service ${service}`) as RawHealth[])
    .map((raw) => ({
      node: raw.Node.Node,
      address: raw.Service.Address || raw.Node.Address,
      service: serviceEntry(raw.Service),
      status: (raw.Checks ?? []).some((check) => healthOf(check.Status) === 'critical')
        ? ('critical' as const)
        : ('passing' as const),
    }))
    .sort((a, b) => compare(a.node, b.node) || compare(a.service.ID, b.service.ID));
}

export async function readServiceNames(transport: Transport): Promise<string[]> {
  const reply = await transport.send({ method: 'GET', path: '/catalog/services' });
  return Object.keys(reply.body as object).sort(compare);
}

const escapeRegex = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
