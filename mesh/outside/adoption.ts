import type { CheckSpec } from './check-spec.ts';
import { type Health, OWNER_META, type ServiceEntry } from '../catalog/entry.ts';

/** A registration in the catalog that is not an instance of ours, as far as it matters for taking it over. */
export interface FoundRegistration {
  node: string;
  nodeAddress: string;
  nodeMeta: Record<string, string>;
  /** A Consul agent runs on the node: it would write again what it knows of. */
  agent: boolean;
  service: ServiceEntry;
  health: Health;
  output: string;
  /** How it is checked, as whoever registered it wrote that down; undefined: nothing is written down. */
  definition: { http?: string; tcp?: string; grpc?: string; intervalMs?: number; timeoutMs?: number } | undefined;
}

export interface AdoptionAsked {
  site: string;
  /** Name of the instance; undefined: the service ID of the registration. */
  name?: string | undefined;
  /** undefined: as it is checked now. */
  check?: CheckSpec | undefined;
}

export interface Adoption {
  name: string;
  /** Body of PUT /v1/external/:name. Its schema checks the rest. */
  wanted: {
    site: string;
    service: string;
    address: string;
    port: number;
    check: object;
    tags: string[];
    meta: Record<string, string>;
  };
}

/** Meta that the bridge writes itself, and marks of Consul's own tools. */
const OWN_META = ['platform', 'site', 'version', 'zone', 'node', 'managed-by'];
const MIN_MS = { interval: 200, timeout: 50 };

/** The owner of a registration: the mark of a Landbridge, else of the tool that keeps it; undefined: a person made it. */
export function ownerOfFound({
  nodeMeta,
  service,
}: Pick<FoundRegistration, 'nodeMeta' | 'service'>): string | undefined {
  return nodeMeta[OWNER_META] ?? service.Meta[OWNER_META] ?? service.Meta['external-source'];
}

/** The registration in the place of `found`, or one sentence that says why it cannot be taken over. */
export function adoption(found: FoundRegistration, { site, name, check }: AdoptionAsked): Adoption | string {
  const { service, node, nodeAddress } = found;
  const owner = ownerOfFound(found);
  if (owner !== undefined) return `${service.ID} on node ${node} belongs to ${owner}: take it out there first`;
  if (service.Kind !== undefined) return `${service.ID} is a ${service.Kind}, and no instance of an app`;
  if (found.agent) {
    return `a Consul agent runs on node ${node} and would register ${service.ID} again: run consul services deregister -id ${service.ID} there, then landbridge register`;
  }
  const address = service.Address || nodeAddress;
  const kept = check ?? checkOf(found, `${address}:${service.Port}`);
  if (typeof kept === 'string') return kept;
  const meta = Object.entries(service.Meta).filter(([key]) => !OWN_META.includes(key));
  return {
    name: name ?? service.ID,
    wanted: {
      site,
      service: service.Service,
      address,
      port: service.Port,
      check: kept,
      tags: service.Tags,
      meta: Object.fromEntries(meta),
    },
  };
}

function checkOf({ definition = {}, service }: FoundRegistration, target: string): CheckSpec | string {
  const { http, tcp, grpc } = definition;
  const times = {
    intervalMs: clamped(definition.intervalMs, MIN_MS.interval, 60_000),
    timeoutMs: clamped(definition.timeoutMs, MIN_MS.timeout, 30_000),
  };
  const instead = `say how it is checked, with --check http:PATH, tcp or grpc`;
  if (http !== undefined) {
    const url = URL.canParse(http) ? new URL(http) : undefined;
    if (url?.protocol === 'http:' && `${url.hostname}:${url.port || 80}` === target)
      return { type: 'http', path: `${url.pathname}${url.search}`, ...times };
    return `${service.ID} is checked by ${http}, which the bridge does not do at ${target}: ${instead}`;
  }
  if (tcp === target) return { type: 'tcp', ...times };
  const [at, asked = ''] = grpc?.split('/') ?? [];
  if (at === target) return { type: 'grpc', service: asked, ...times };
  return `${service.ID} has no check that the bridge can go on with: ${instead}`;
}

const clamped = (ms: number | undefined, least: number, most: number): number =>
  Math.min(Math.max(ms || 1000, least), most);

/** One line a step, for people. */
export function adoptionPlan(found: FoundRegistration, { name, wanted }: Adoption): string[] {
  const { check, site, service, address, port } = wanted;
  const moved = name === found.service.ID ? name : `${name} (it was ${found.service.ID})`;
  return [
    `+ node ext.${site}.${name}, owned by the bridge of this installation`,
    `+ service ${service}, instance ${moved}, at ${address}:${port}, checked by the bridge: ${JSON.stringify(check)}`,
    `- instance ${found.service.ID} of ${found.service.Service} on node ${found.node}, with its check`,
  ];
}
