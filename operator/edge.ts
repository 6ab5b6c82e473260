import type { Consul } from '../clients/consul/consul.ts';
import { createBackoff } from '../clients/kube/backoff.ts';
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
  /** A MeshService's problem has come, gone or changed. */
  onProblem: (key: string) => void;
  nowMs: () => number;
  random: () => number;
  signal: AbortSignal;
  log: Log;
}

export interface Edge {
  /** Something may be exposed now that was not before, or the other way round. */
  nudge(): unknown;
  /** Why a MeshService is not exposed; undefined when it is, or does not ask to be. */
  problemOf(key: string): string | undefined;
}

const LOOK_MS = 10_000;
/** There is nothing to keep then; an old copy of Consul's data may bring back what was removed. */
const OFF_LOOK_MS = 300_000;
const SETTLE_MS = 100;
const OFF = 'the edge gateway is not installed: set edge.enabled in the values of the chart';
const STATS = { tags: {}, extra: [] };

/**
 * Makes Consul hold what the edge gateway serves, and keeps the Secret that the gateway starts from. It looks at the
 * certificates' Secrets and at Consul every 10 s: the operator may read Secrets by name, but watch none. Without the gateway a look is made each 5 min.
 */
export function keepEdge(options: EdgeOptions): Edge {
  const { signal, log, random, onProblem } = options;
  const backoff = createBackoff({ baseMs: 200, capMs: 5000, random });
  let problems = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  let walked = '';
  let written = false;

  async function turn(): Promise<void> {
    let nextMs = options.enabled ? LOOK_MS : OFF_LOOK_MS;
    try {
      const before = problems;
      walked = JSON.stringify(options.exposures());
      const { lost, problems: found } = await walk(options);
      // Consul has forgotten what was written, so it has forgotten the gateway's token as well.
      if (lost && written) options.sidecarSecrets.forget(NAMESPACE, EDGE_SERVICE);
      if (lost && written) nextMs = SETTLE_MS;
      written = true;
      problems = found;
      const keys = new Set([...before.keys(), ...problems.keys()]);
      for (const key of keys) if (before.get(key) !== problems.get(key)) onProblem(key);
      backoff.reset();
    } catch (error) {
      nextMs = backoff.next();
      if (!signal.aborted) log.warn({ err: error }, 'the edge gateway is not up to date');
    }
    if (changed()) nextMs = Math.min(nextMs, SETTLE_MS);
    plan(nextMs);
  }

  const changed = (): boolean => JSON.stringify(options.exposures()) !== walked;

  /** Undefined while a walk is under way. */
  const plan = (ms: number): void => {
    if (signal.aborted) return;
    timer = setTimeout(() => {
      timer = undefined;
      void turn();
    }, ms);
  };
  let looking: NodeJS.Timeout | undefined;
  const look = (): void => {
    looking = undefined;
    if (timer === undefined || !changed()) return;
    clearTimeout(timer);
    plan(0);
  };
  signal.addEventListener('abort', () => [timer, looking].forEach(clearTimeout));
  plan(0);
  return {
    nudge: () => (looking ??= setTimeout(look, SETTLE_MS)),
    problemOf: (key) => problems.get(key),
  };
}

interface Walked {
  problems: Map<string, string>;
  /** The registration had to be made. */
  lost: boolean;
}

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
    return { problems: new Map(exposures.map(({ namespace, name }) => [`${namespace}/${name}`, OFF])), lost: false };
  }
  const target = { namespace: NAMESPACE, name: EDGE_SERVICE, service: EDGE_SERVICE, ownerReferences: [] };
  await sidecarSecrets.keep({ ...target, stats: STATS, runtime: EDGE_RUNTIME });
  return { problems: wanted.problems, lost: changes.some(({ op }) => op === 'register') };
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
