import type { FoundRegistration } from '../../../mesh/outside/adoption.ts';
import { ConsulRefused } from '../errors.ts';
import { healthOf, serviceEntry } from './normalise-catalog.ts';
import type { RawCheck, RawService } from './normalise-catalog.ts';
import { readAll } from './read.ts';
import type { Transport } from '../transport.ts';

interface RawFoundCheck extends RawCheck {
  Definition?: { HTTP?: string; TCP?: string; GRPC?: string; Interval?: string; Timeout?: string };
}

/** Every registration on a node, with how it is checked; empty when there is no such node. */
export async function readFoundRegistrations(transport: Transport, node: string): Promise<FoundRegistration[]> {
  // Dots would lead to another path.
  if (/^\.{1,2}$/.test(node)) return [];
  const name = encodeURIComponent(node);
  const [held, health] = await Promise.all([
    readAll(transport, `/catalog/node-services/${name}`),
    readAll(transport, `/health/node/${name}`),
  ]).catch((error: unknown) => {
    // A name that Consul takes in no path is the name of no node.
    if (error instanceof ConsulRefused && error.status === 400) return [{ body: {} }, { body: [] }] as const;
    throw error;
  });
  const { Node, Services } = (held.body ?? {}) as {
    Node?: { Node: string; Address: string; Meta?: Record<string, string> | null } | null;
    Services?: RawService[] | null;
  };
  if (!Node) return [];
  const checks = health.body as RawFoundCheck[];
  return (Services ?? []).map((raw) => {
    const own = checks.filter(({ ServiceID }) => ServiceID === raw.ID);
    const failing = own.find(({ Status }) => healthOf(Status) === 'critical');
    return {
      node: Node.Node,
      nodeAddress: Node.Address,
      nodeMeta: Node.Meta ?? {},
      agent: checks.some(({ CheckID }) => CheckID === 'serfHealth'),
      service: serviceEntry(raw),
      health: failing === undefined ? 'passing' : 'critical',
      output: (failing ?? own[0])?.Output ?? '',
      definition: definitionOf(own[0]),
    };
  });
}

function definitionOf(check: RawFoundCheck | undefined): FoundRegistration['definition'] {
  const { HTTP, TCP, GRPC, Interval, Timeout } = check?.Definition ?? {};
  if (!HTTP && !TCP && !GRPC) return undefined;
  const times = { intervalMs: milliseconds(Interval), timeoutMs: milliseconds(Timeout) };
  return {
    ...(HTTP && { http: HTTP }),
    ...(TCP && { tcp: TCP }),
    ...(GRPC && { grpc: GRPC }),
    ...(times.intervalMs && { intervalMs: times.intervalMs }),
    ...(times.timeoutMs && { timeoutMs: times.timeoutMs }),
  };
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration as Go prints it. */
const milliseconds = (text = ''): number =>
  [...text.matchAll(/([\d.]+)(ms|s|m|h)/g)].reduce((sum, [, amount, unit]) => sum + Number(amount) * UNITS[unit!]!, 0);
