import type { Consul } from '../clients/consul/consul.ts';
import type { KubeClient } from '../clients/kube/client.ts';
import type { Log } from '../clients/kube/log.ts';
import { EDGE_SERVICE } from '../crds/expose.ts';
import { coveredBy } from '../mesh/covers.ts';
import { type ActualState, diff } from '../mesh/diff.ts';
import { type Certificate, EDGE_RUNTIME, type EdgePorts, type Exposure } from '../mesh/edge.ts';
import { edgeNode, edgeState, secretKey } from '../mesh/edge.ts';
import { EDGE_KINDS, configKey } from '../mesh/entry.ts';
import { NAMESPACE } from '../mesh/installation.ts';
import { type Change, describeChange } from '../mesh/plan.ts';
import { readCertificate } from './edge-certificate.ts';
import { GATEWAY_STATS, type Gateway, type Walked, keepGateway } from './keep-gateway.ts';
import type { SidecarSecrets } from './sidecar-secret.ts';

export interface EdgeOptions {
  /** Whether the chart deploys the gateway. Without it everything of it is removed, and nothing is exposed. */
  enabled: boolean;
  kube: Pick<KubeClient, 'get'>;
  consul: Pick<Consul, 'readNode' | 'readConfig' | 'listConfig' | 'apply'>;
  sidecarSecrets: Pick<SidecarSecrets, 'keep' | 'remove' | 'forget'>;
  cluster: string;
  ports: EdgePorts;
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
 * MeshService is why it is not exposed. It looks at the certificates' Secrets and at Consul every 10 s: the operator may
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
  const certificates = enabled ? await readCertificates(kube, exposures, nowMs()) : new Map<string, string>();
  const wanted = edgeState({ cluster, ports, exposures: enabled ? exposures : [], certificates });
  const desired = enabled ? wanted : { ...wanted, node: undefined, config: {} };
  const { changes, conflicts } = diff(desired, coveredBy(await readHeld(consul, cluster), desired), desired.owner);
  if (conflicts[0] !== undefined) throw new Error(`${conflicts[0].what} in Consul belongs to ${conflicts[0].owner}`);
  for (const stage of stagesOf(changes)) {
    const outcomes = await consul.apply(stage);
    for (const outcome of outcomes) {
      if (!outcome.ok) throw new Error(`${describeChange(outcome.change)}: ${outcome.error}`);
      log.info({ change: describeChange(outcome.change) }, 'the edge gateway changed');
    }
  }
  if (!enabled) {
    await sidecarSecrets.remove(NAMESPACE, EDGE_SERVICE);
    return { verdicts: new Map(exposures.map(({ namespace, name }) => [`${namespace}/${name}`, OFF])), lost: false };
  }
  const target = { namespace: NAMESPACE, name: EDGE_SERVICE, service: EDGE_SERVICE, ownerReferences: [] };
  await sidecarSecrets.keep({ ...target, stats: GATEWAY_STATS, runtime: EDGE_RUNTIME });
  return { verdicts: wanted.problems, lost: changes.some(({ op }) => op === 'register') };
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

const KINDS = ['service-defaults', ...EDGE_KINDS] as const;

/** Certificates, the gateway that names them, the routes that name it. A certificate goes when nobody names it any more. */
function stagesOf(changes: Change[]): Change[][] {
  const sets = KINDS.map((kind) =>
    changes.filter((change) => change.op === 'set-config' && change.entry.Kind === kind),
  );
  const removes = KINDS.map((kind) =>
    changes.filter((change) => change.op === 'delete-config' && change.kind === kind),
  );
  const rest = changes.filter(({ op }) => op !== 'set-config' && op !== 'delete-config');
  return [rest, ...sets, ...removes.toReversed()].filter((stage) => stage.length > 0);
}
