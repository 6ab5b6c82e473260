import { GATEWAY_SERVICE } from '../../crds/gateway.ts';
import type { CatalogState, ConfigEntry, Registration, ServiceEntry } from '../catalog/entry.ts';
import { OWNER_META, configKey } from '../catalog/entry.ts';
import { GATEWAY_PORT, NAMESPACE } from '../installation/installation.ts';
import { externalNode, podsNode } from '../names/names.ts';
import type { PodFacts } from '../service/pod.ts';

/** A MeshService that holds its name in Consul and admits instances from outside. */
export interface LinkCandidate {
  namespace: string;
  name: string;
  /** Its name in Consul. */
  service: string;
  /** RFC 3339. */
  createdAt: string;
}

/** One instance of a name, registered by anybody. */
export interface FoundInstance {
  node: string;
  service: Pick<ServiceEntry, 'ID' | 'Meta'>;
}

export interface GatewayInput {
  cluster: string;
  /** Pods of the gateway, in any phase. */
  pods: PodFacts[];
  candidates: LinkCandidate[];
  /** By name in Consul, of candidates that have an instance without a sidecar. */
  instances: Map<string, FoundInstance[]>;
  /** Where the pods listen. Default GATEWAY_PORT. */
  port?: number;
}

export interface DesiredGateway extends CatalogState {
  owner: string;
  /** Names in Consul that the gateway stands for, sorted. */
  links: string[];
  /** Of MeshServices with instances that have no sidecar, by `namespace/name`: why they cannot be called; '' when they can. */
  verdicts: Map<string, string>;
}

/**
 * Services that the gateway can stand for. A login gives its token one identity for each of these claims, so there are as
 * many binding rules, and nobody needs `acl:write` when one comes or goes (docs/adr/0013).
 */
export const GATEWAY_LINKS = 32;
export const GATEWAY_CLAIMS = Array.from({ length: GATEWAY_LINKS }, (_, index) => `link${index}`);

/**
 * The claims of a login that stands for these services; services beyond the number of claims are left out. All claims are always there: Consul takes a missing one for different from the empty text, and refuses the login.
 */
export const claimsOf = (links: readonly string[]): Record<string, string> =>
  Object.fromEntries(GATEWAY_CLAIMS.map((claim, index) => [claim, links[index] ?? '']));

/**
 * Consul 1.22 takes no setting for the clusters of a terminating gateway. Envoy's own default sends requests to critical
 * instances once half of them are, so that the last one is called whatever its check says.
 */
export const GATEWAY_RUNTIME = { 'upstream.healthy_panic_threshold': 0 };

/**
 * Consul goes by the token with which a stream was opened. Envoy opens a new one this often, and so with the token of the
 * services that are linked by then. Seconds.
 */
export const GATEWAY_STREAM_SECONDS = 10;

export const gatewayOwner = (cluster: string): string => `gateway/${cluster}`;
export const gatewayNode = (cluster: string): string => podsNode(cluster, NAMESPACE, GATEWAY_SERVICE);

/** The wanted state in Consul for the terminating gateway: its pods, and the services that it stands for. */
export function gatewayState({ cluster, pods, candidates, instances, port }: GatewayInput): DesiredGateway {
  const owner = gatewayOwner(cluster);
  const registrations = pods.flatMap((pod) => registration(pod, port ?? GATEWAY_PORT));
  const verdicts = new Map<string, string>();
  const links: string[] = [];
  for (const candidate of [...candidates].sort(byAge)) {
    const found = instances.get(candidate.service) ?? [];
    if (!found.some(isSidecarless)) continue;
    const problem = linkProblem(candidate, found, links.length);
    if (problem === undefined) links.push(candidate.service);
    verdicts.set(keyOf(candidate), problem ?? (isServed(registrations) ? '' : NOBODY_SERVES));
  }
  links.sort();
  return {
    owner,
    links,
    verdicts,
    node: {
      Node: gatewayNode(cluster),
      // Never used: each registration carries its own address. Consul wants one all the same.
      Address: '127.0.0.1',
      Meta: { 'synthetic-node': 'true', [OWNER_META]: owner },
      registrations: Object.fromEntries(registrations.map((one) => [one.service.ID, one])),
    },
    config: Object.fromEntries(entriesOf(links, owner).map((entry) => [configKey(entry), entry])),
  };
}

const NOBODY_SERVES = `no pod of the terminating gateway is ready: kubectl -n ${NAMESPACE} get pods -l app.kubernetes.io/component=gateway`;

/** The first services keep their links when there are too many. */
const byAge = (a: LinkCandidate, b: LinkCandidate): number =>
  [a.createdAt, keyOf(a)].join(' ') < [b.createdAt, keyOf(b)].join(' ') ? -1 : 1;
const keyOf = ({ namespace, name }: LinkCandidate): string => `${namespace}/${name}`;

const isSidecarless = ({ service }: FoundInstance): boolean => service.Meta['platform'] === 'external';

const isServed = (registrations: Registration[]): boolean =>
  registrations.some(({ checks }) => checks.every(({ Status }) => Status === 'passing'));

/** The gateway calls every instance of a linked name in plain text, so all of them have to be without a sidecar. */
function linkProblem({ service }: LinkCandidate, found: FoundInstance[], taken: number): string | undefined {
  const other = found.find((instance) => !isSidecarless(instance));
  const [platform] = other === undefined ? [] : [other.service.Meta['platform']];
  if (other !== undefined && (platform === 'pod' || platform === 'vm')) {
    return `${other.service.ID} has a sidecar, and all instances of a name are called either by way of the terminating gateway or past it: register those without a sidecar under a name of their own, and let spec.traffic.split lead there`;
  }
  const foreign = other ?? found.find(({ node, service: { Meta } }) => !isOurs(node, Meta['site']));
  if (foreign !== undefined) {
    return `${foreign.service.ID} on Consul node ${foreign.node} was registered by another, whom the terminating gateway would call as well: landbridge adopt ${foreign.node} ${foreign.service.ID}, or register yours under another name than ${service}`;
  }
  if (taken >= GATEWAY_LINKS) {
    return `the terminating gateway stands for ${GATEWAY_LINKS} services already, which is all that it can: deregister another, or put several instances under one name`;
  }
  return undefined;
}

const isOurs = (node: string, site = ''): boolean => node.startsWith(externalNode(site, ''));

/** A pod is registered from its first address on: Envoy is ready when it has its configuration, and has it when it is registered. */
function registration(pod: PodFacts, port: number): Registration[] {
  if (pod.finished || pod.ip === undefined) return [];
  const passing = pod.ready && !pod.terminating;
  return [
    {
      service: {
        ID: pod.name,
        Service: GATEWAY_SERVICE,
        Kind: 'terminating-gateway',
        Address: pod.ip,
        Port: port,
        Tags: [],
        Meta: { 'managed-by': 'landbridge' },
      },
      checks: [
        {
          CheckID: `${pod.name}/health`,
          Name: 'Landbridge gateway health',
          Status: passing ? 'passing' : 'critical',
          Output: passing ? 'pod is ready' : pod.terminating ? 'pod is terminating' : pod.notReadyBecause,
          ServiceID: pod.name,
        },
      ],
    },
  ];
}

/** Never `*`: a wildcard would link whatever comes by, with a certificate in its name. */
const entriesOf = (links: string[], owner: string): ConfigEntry[] =>
  links.length === 0
    ? []
    : [
        {
          Kind: 'terminating-gateway',
          Name: GATEWAY_SERVICE,
          Services: links.map((Name) => ({ Name })),
          Meta: { [OWNER_META]: owner },
        },
      ];
