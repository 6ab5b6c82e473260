import { EDGE_SERVICE } from '../../crds/expose.ts';
import type { HostRecords } from './edge-hosts.ts';
import { FIRST_ROUTE, type Unowned, httpRoutes } from './edge-routes.ts';
import { type ServedCertificate, served } from './edge-served.ts';
import { type CatalogState, type ConfigEntry, configKey, OWNER_META } from '../catalog/entry.ts';
import type { EdgeInput, EdgePorts } from './exposure.ts';
import { NAMESPACE } from '../installation/installation.ts';
import { podsNode } from '../names/names.ts';
import { serverNames } from './server-names.ts';
import { MAX_EJECTED_PERCENT } from '../traffic/upstream-config.ts';

export interface DesiredEdge extends CatalogState {
  owner: string;
  /** Which namespace has which host from now on: to be remembered before any of it is served. */
  hosts: HostRecords;
  /** Why a MeshService is not exposed, by `namespace/name`. */
  problems: Map<string, string>;
}

/**
 * Consul 1.22 takes no passive health check for an api-gateway, so its Envoy has its own: five failures in a row, left for
 * 30 s. That leaves at most a tenth of the instances, so none of a few; sidecars leave half.
 */
export const EDGE_RUNTIME = { 'outlier_detection.max_ejection_percent': MAX_EJECTED_PERCENT };

export const edgeOwner = (cluster: string): string => `edge/${cluster}`;
export const edgeNode = (cluster: string): string => podsNode(cluster, NAMESPACE, EDGE_SERVICE);

/** The wanted state in Consul for the edge gateway: its registration, and all that is exposed through it. */
export function edgeState(input: EdgeInput): DesiredEdge {
  const { cluster, ports } = input;
  const owner = edgeOwner(cluster);
  const { exposures, certificates, problems, hosts } = served(input);
  const entries = certificates.map(inlineCertificate);
  const routes = exposures.flatMap(httpRoutes);
  const config = [...entries, apiGateway(ports, entries), ...FIRST_ROUTE, ...routes].map((entry): ConfigEntry => ({
    ...entry,
    Meta: { [OWNER_META]: owner },
  }));
  return {
    owner,
    hosts,
    problems,
    node: registration(cluster, ports, owner),
    config: Object.fromEntries(config.map((entry) => [configKey(entry), entry])),
  };
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

const inlineCertificate = ({ key, hosts, certificate, privateKey }: ServedCertificate): Unowned => ({
  Kind: 'inline-certificate',
  Name: key.replace('/', '.'),
  Certificate: `${serverNames(hosts)}${certificate}`,
  PrivateKey: privateKey,
});

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
