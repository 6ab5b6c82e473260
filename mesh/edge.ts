import { EDGE_SERVICE, type ExposeSettings } from '../crds/expose.ts';
import type { MeshServiceSpec } from '../crds/mesh-service.ts';
import type { Traffic } from '../crds/traffic.ts';
import { FIRST_ROUTE, type Unowned, httpRoutes } from './edge-routes.ts';
import type { CatalogState, ConfigEntry } from './entry.ts';
import { OWNER_META, configKey } from './entry.ts';
import { NAMESPACE } from './installation.ts';
import { podsNode } from './names.ts';
import { withoutSlash } from './served-paths.ts';
import { MAX_EJECTED_PERCENT } from './traffic/upstream-config.ts';

/** A MeshService that holds its name in Consul and asks to be exposed. */
export interface Exposure {
  namespace: string;
  name: string;
  /** Its name in Consul. */
  service: string;
  protocol: MeshServiceSpec['protocol'];
  /** RFC 3339. */
  createdAt: string;
  expose: ExposeSettings;
  /** Timeout and retries hold at the gateway too. */
  traffic: Traffic | undefined;
}

/** PEM. Its host names and its key were looked at by whoever read it. */
export interface Certificate {
  certificate: string;
  privateKey: string;
}

/** Where the gateway listens. */
export interface EdgePorts {
  http: number;
  https: number;
}

export interface EdgeInput {
  cluster: string;
  ports: EdgePorts;
  exposures: Exposure[];
  /** By `namespace/secret`; or the sentence of why there is none. */
  certificates: Map<string, Certificate | string>;
}

export interface DesiredEdge extends CatalogState {
  owner: string;
  /** Why a MeshService is not exposed, by `namespace/name`. */
  problems: Map<string, string>;
}

/**
 * Consul 1.22 takes no passive health check for an api-gateway, so its Envoy has its own: five failures in a row, left for
 * 30 s. That leaves at most a tenth of the instances, which of few is none; sidecars leave half.
 */
export const EDGE_RUNTIME = { 'outlier_detection.max_ejection_percent': MAX_EJECTED_PERCENT };

export const edgeOwner = (cluster: string): string => `edge/${cluster}`;
export const edgeNode = (cluster: string): string => podsNode(cluster, NAMESPACE, EDGE_SERVICE);
export const secretKey = ({ namespace, expose }: Exposure): string => `${namespace}/${expose.tlsSecret}`;

/** What Consul shall hold for the edge gateway: its registration, and all that is exposed through it. */
export function edgeState({ cluster, ports, exposures, certificates }: EdgeInput): DesiredEdge {
  const owner = edgeOwner(cluster);
  const problems = new Map<string, string>();
  const used = new Map<string, Certificate>();
  const routes: Unowned[] = [];
  const claims = new Map<string, Exposure>();
  for (const exposure of [...exposures].sort(byAge)) {
    const problem = exposureProblem(exposure, certificates, claims);
    if (problem !== undefined) {
      problems.set(keyOf(exposure), problem);
      continue;
    }
    for (const claim of claimsOf(exposure)) claims.set(claim, exposure);
    const certificate = certificates.get(secretKey(exposure));
    if (typeof certificate === 'object') used.set(secretKey(exposure), certificate);
    routes.push(...httpRoutes(exposure));
  }
  const entries = inlineCertificates(used);
  const config = [...entries, apiGateway(ports, entries), ...FIRST_ROUTE, ...routes].map((entry): ConfigEntry => ({
    ...entry,
    Meta: { [OWNER_META]: owner },
  }));
  return {
    owner,
    problems,
    node: registration(cluster, ports, owner),
    config: Object.fromEntries(config.map((entry) => [configKey(entry), entry])),
  };
}

/** Who came first keeps a host and path: a later MeshService takes no traffic from it. */
const byAge = (a: Exposure, b: Exposure): number =>
  [a.createdAt, keyOf(a)].join(' ') < [b.createdAt, keyOf(b)].join(' ') ? -1 : 1;
const keyOf = ({ namespace, name }: Exposure): string => `${namespace}/${name}`;
const claimsOf = ({ expose }: Exposure): string[] =>
  expose.hosts.flatMap((host) => expose.paths.map((path) => `${host}${withoutSlash(path) || '/'}`));

function exposureProblem(
  exposure: Exposure,
  certificates: EdgeInput['certificates'],
  claims: Map<string, Exposure>,
): string | undefined {
  // Refused at admission as well; one that came in before that must not take the others' routes along.
  if (exposure.protocol !== 'http')
    return `expose is for protocol http and not ${exposure.protocol}: Consul's api-gateway leads to no other; set protocol to http or take expose out`;
  const taken = claimsOf(exposure).find((claim) => claims.has(claim));
  if (taken !== undefined)
    return `${taken} is exposed by MeshService ${keyOf(claims.get(taken)!)} already: choose another host or path`;
  if (exposure.expose.tlsSecret === undefined) return undefined;
  const certificate = certificates.get(secretKey(exposure));
  return typeof certificate === 'object'
    ? undefined
    : (certificate ?? `Secret ${secretKey(exposure)} was not read yet`);
}

/**
 * One registration for all replicas of the gateway: each asks for its configuration in this name, and nobody in the
 * mesh calls it, so it needs neither an address nor a check of its own.
 */
function registration(cluster: string, ports: EdgePorts, owner: string): CatalogState['node'] {
  const service = {
    ID: EDGE_SERVICE,
    Service: EDGE_SERVICE,
    Kind: 'api-gateway' as const,
    // Consul hands it to Envoy as the address to listen on; an empty one is any.
    Address: '',
    Port: ports.http,
    Tags: [],
    Meta: { 'managed-by': 'landbridge' },
  };
  return {
    Node: edgeNode(cluster),
    Address: '127.0.0.1',
    Meta: { 'synthetic-node': 'true', [OWNER_META]: owner },
    registrations: { [EDGE_SERVICE]: { service, checks: [] } },
  };
}

/** One entry a certificate: Consul drops the hosts that two entries have in common. */
function inlineCertificates(used: Map<string, Certificate>): Unowned[] {
  const seen = new Set<string>();
  return [...used].flatMap(([key, { certificate, privateKey }]) => {
    if (seen.has(certificate)) return [];
    seen.add(certificate);
    return [
      { Kind: 'inline-certificate', Name: key.replace('/', '.'), Certificate: certificate, PrivateKey: privateKey },
    ];
  });
}

function apiGateway(ports: EdgePorts, certificates: Unowned[]): Unowned {
  const references = certificates.map(({ Kind, Name }) => ({ Kind, Name }));
  const https = {
    Name: 'https',
    Port: ports.https,
    Protocol: 'http',
    TLS: { Certificates: references, MinVersion: 'TLSv1_2' },
  };
  return {
    Kind: 'api-gateway',
    Name: EDGE_SERVICE,
    // Consul takes no listener with TLS and without a certificate.
    Listeners: [{ Name: 'http', Port: ports.http, Protocol: 'http' }, ...(references.length === 0 ? [] : [https])],
  };
}
