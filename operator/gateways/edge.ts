import type { Consul } from '../../clients/consul/consul.ts';
import { ConsulDenied } from '../../clients/consul/errors.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { Log } from '../../base/log.ts';
import { EDGE_SERVICE } from '../../crds/expose.ts';
import { coveredBy } from '../../mesh/catalog/covers.ts';
import { diff } from '../../mesh/catalog/diff.ts';
import { type ActualState, configKey, EDGE_KINDS, OWNER_META } from '../../mesh/catalog/entry.ts';
import { type DesiredEdge, EDGE_RUNTIME, edgeNode, edgeState } from '../../mesh/gateways/edge.ts';
import type { Certificate, EdgePorts, Exposure } from '../../mesh/gateways/exposure.ts';
import type { HostRules } from '../../mesh/gateways/edge-hosts.ts';
import { secretKey } from '../../mesh/gateways/edge-served.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { describeChange } from '../../mesh/catalog/plan.ts';
import { applyEdge, edgeFailure, refusedRoute } from './apply-edge.ts';
import { readCertificate } from './edge-certificate.ts';
import { type HeldHosts, readHosts, writeHosts } from './host-records.ts';
import { GATEWAY_STATS, type Gateway, type Walked, keepGateway } from './keep-gateway.ts';
import type { SidecarSecrets } from '../sidecar-secret/sidecar-secret.ts';

export interface EdgeOptions {
  /** Whether the chart deploys the gateway. Without it everything of it is removed, and nothing is exposed. */
  enabled: boolean;
  kube: Pick<KubeClient, 'get'>;
  consul: Pick<Consul, 'readNode' | 'readConfig' | 'listConfig' | 'apply' | 'kvList' | 'kvCas' | 'kvDelete'>;
  sidecarSecrets: Pick<SidecarSecrets, 'keep' | 'remove' | 'forget'>;
  cluster: string;
  ports: EdgePorts;
  /** Which namespaces may have which hosts, by the values of the chart. */
  rules: HostRules;
  /** MeshServices that hold their name and ask to be exposed. */
  exposures: () => Exposure[];
  /** Why a MeshService is not exposed has come, gone or changed. */
  onVerdict: (key: string) => void;
  nowMs: () => number;
  random: () => number;
  signal: AbortSignal;
  log: Log;
}

const OFF = 'the edge gateway is not installed: set edge.enabled in the values of the chart';

/**
 * Makes Consul hold what the edge gateway serves, and keeps the Secret that the gateway starts from. The verdict of a
 * MeshService is why it is not exposed; '' when it is. It looks at the certificates' Secrets and at Consul every 10 s: the operator may
 * read Secrets by name, but watch none. Without the gateway it looks every 5 min.
 */
export const keepEdge = (options: EdgeOptions): Gateway =>
  keepGateway({
    ...options,
    service: EDGE_SERVICE,
    isThere: () => options.enabled,
    asked: options.exposures,
    walk: () => walk(options),
  });

/** Throws when it has to be made again. */
async function walk(options: EdgeOptions): Promise<Walked> {
  const { enabled, kube, consul, sidecarSecrets, cluster, ports, nowMs, log } = options;
  const exposures = options.exposures();
  const judged = new Map(exposures.map((one) => [keyOf(one), one.expose]));
  const certificates = enabled ? await readCertificates(kube, exposures, nowMs()) : new Map<string, string>();
  const heldHosts = await readHosts(consul, cluster).catch((error: unknown) => withoutRecords(error, options));
  const hosts = heldHosts?.records ?? new Map();
  const asked = enabled ? exposures : [];
  const wanted = edgeState({
    cluster,
    ports,
    exposures: asked,
    certificates,
    hosts,
    rules: options.rules,
    nowMs: nowMs(),
  });
  // A host is a namespace's before it is served, since the next leader has to know.
  if (heldHosts !== undefined)
    await writeHosts(consul, cluster, wanted.hosts, heldHosts).catch((error: unknown) =>
      withoutRecords(error, options),
    );
  const held = await readHeld(consul, cluster);
  const foreign = enabled ? foreignRoutes(held, wanted) : new Map<string, string>();
  const served = Object.entries(wanted.config).filter(([key]) => !foreign.has(key));
  const desired = enabled
    ? { ...wanted, config: Object.fromEntries(served) }
    : { ...wanted, node: undefined, config: {} };
  const { changes, conflicts } = diff(desired, coveredBy(held, desired), desired.owner);
  if (conflicts[0] !== undefined) throw new Error(`${conflicts[0].what} in Consul belongs to ${conflicts[0].owner}`);
  // The gateway's pods need a token, also when Consul refuses a route.
  if (enabled) {
    const target = { namespace: NAMESPACE, name: EDGE_SERVICE, service: EDGE_SERVICE, ownerReferences: [] };
    await sidecarSecrets.keep({ ...target, stats: GATEWAY_STATS, runtime: EDGE_RUNTIME });
  }
  const outcomes = await applyEdge(consul, changes);
  for (const { ok, change } of outcomes)
    if (ok) log.info({ change: describeChange(change) }, 'the edge gateway changed');
  const failure = edgeFailure(outcomes);
  if (failure !== undefined) throw new Error(failure);
  if (!enabled) {
    await sidecarSecrets.remove(NAMESPACE, EDGE_SERVICE);
    return { verdicts: new Map(exposures.map((one) => [keyOf(one), OFF])), judged, lost: false };
  }
  const verdicts = new Map([...exposures.map((one) => [keyOf(one), ''] as const), ...wanted.problems]);
  for (const [key, owner] of foreign)
    tell(verdicts, exposures, key.slice('http-route/'.length), `${key} in Consul belongs to ${owner}: remove it`);
  for (const outcome of outcomes)
    if (!outcome.ok) tell(verdicts, exposures, refusedRoute(outcome), `Consul refuses its route: ${outcome.error}`);
  return { verdicts, judged, lost: changes.some(({ op }) => op === 'register') };
}

/** Policies that somebody else keeps may be older than this program: then nothing is remembered, and the oldest MeshService has a host. */
function withoutRecords(error: unknown, { log }: EdgeOptions): HeldHosts | undefined {
  if (!(error instanceof ConsulDenied)) throw error;
  log.warn(
    { err: error },
    'which namespace has which host cannot be remembered: give the operator the policy of docs/rights.md',
  );
  return undefined;
}

/** Routes of another hand in the place of wanted ones, with their owners: each costs its own exposure alone. */
function foreignRoutes(held: ActualState, wanted: DesiredEdge): Map<string, string> {
  const routes = Object.values(wanted.config).filter(({ Kind }) => Kind === 'http-route');
  return new Map(
    routes.flatMap((entry): [string, string][] => {
      const found = held.config[configKey(entry)]?.entry;
      const owner = found?.Meta?.[OWNER_META] ?? 'somebody who left no owner mark';
      return found === undefined || owner === wanted.owner ? [] : [[configKey(entry), owner]];
    }),
  );
}

const keyOf = ({ namespace, name }: Exposure): string => `${namespace}/${name}`;

/** A route has the name of its service, or one more word behind it (mesh/gateways/edge-routes.ts). */
function tell(verdicts: Map<string, string>, exposures: Exposure[], route: string | undefined, sentence: string): void {
  for (const one of exposures)
    if (route === one.service || route === `${one.service}.wildcard`) verdicts.set(keyOf(one), sentence);
}

async function readCertificates(
  kube: Pick<KubeClient, 'get'>,
  exposures: Exposure[],
  now: number,
): Promise<Map<string, Certificate | string>> {
  const keys = new Set(exposures.filter(({ expose }) => expose.tlsSecret !== undefined).map(secretKey));
  return new Map(
    await Promise.all([...keys].map(async (key) => [key, await readCertificate(kube, key, now)] as const)),
  );
}

async function readHeld(
  consul: Pick<Consul, 'readNode' | 'readConfig' | 'listConfig'>,
  cluster: string,
): Promise<ActualState> {
  const [node, defaults, ...lists] = await Promise.all([
    consul.readNode(edgeNode(cluster)),
    consul.readConfig('service-defaults', EDGE_SERVICE),
    ...EDGE_KINDS.map((kind) => consul.listConfig(kind)),
  ]);
  const found = [...(defaults === undefined ? [] : [defaults]), ...lists.flat()];
  return { node, config: Object.fromEntries(found.map((held) => [configKey(held.entry), held])) };
}
