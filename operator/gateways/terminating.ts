import type { Consul } from '../../clients/consul/consul.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import { isNotFound } from '../../clients/kube/errors.ts';
import type { Log } from '../../base/log.ts';
import { pods as podResource } from '../../clients/kube/resources.ts';
import { GATEWAY_SERVICE } from '../../crds/gateway.ts';
import { diff } from '../../mesh/catalog/diff.ts';
import { type ActualState, configKey } from '../../mesh/catalog/entry.ts';
import {
  type FoundInstance,
  GATEWAY_RUNTIME,
  GATEWAY_STREAM_SECONDS,
  gatewayNode,
  gatewayState,
  type LinkCandidate,
} from '../../mesh/gateways/terminating.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { ANNOTATION_SECRET_SINCE, externalNodePrefix } from '../../mesh/names/names.ts';
import { describeChange } from '../../mesh/catalog/plan.ts';
import type { PodFacts } from '../../mesh/service/pod.ts';
import { GATEWAY_STATS, type Gateway, type Walked, keepGateway } from './keep-gateway.ts';
import type { SidecarSecrets } from '../sidecar-secret/sidecar-secret.ts';

export interface TerminatingGatewayOptions {
  /** Its pods; undefined: the chart deploys none, and everything of it is removed. */
  pods: { readonly hasSynced: boolean; list(): PodFacts[] } | undefined;
  kube: Pick<KubeClient, 'patchMerge'>;
  consul: Pick<Consul, 'readNode' | 'readConfig' | 'servicesOn' | 'health' | 'apply'>;
  sidecarSecrets: Pick<SidecarSecrets, 'keep' | 'remove' | 'forget'>;
  cluster: string;
  port: number;
  /** MeshServices that hold their name and admit instances from outside. */
  candidates: () => LinkCandidate[];
  onVerdict: (key: string) => void;
  random: () => number;
  signal: AbortSignal;
  log: Log;
}

const OFF =
  'instances without a sidecar can be called by way of the terminating gateway only, which is not installed: set gateway.enabled in the values of the chart';

/**
 * Makes Consul hold the pods of the terminating gateway and the services that it stands for, and keeps the Secret that it
 * starts from. The verdict of a MeshService with instances that have no sidecar is why they cannot be called; '' when they
 * can. The bridge registers them without a word to the operator, so they are looked for every 10 s.
 */
export const keepTerminatingGateway = (options: TerminatingGatewayOptions): Gateway =>
  keepGateway({
    ...options,
    service: GATEWAY_SERVICE,
    // Without it MeshServices that need it say so.
    isThere: () => options.pods !== undefined || options.candidates().length > 0,
    asked: () => [options.candidates(), options.pods?.list()],
    walk: () => walk(options),
  });

/**
 *   the token stands for the present links and the wanted ones -> links, registrations -> the token, without the former links
 *
 * So nothing is linked that the gateway has no right to serve, nor is that right kept longer than the link. Throws when it
 * has to be made again.
 */
async function walk(options: TerminatingGatewayOptions) {
  const { pods, consul, sidecarSecrets, cluster, port, candidates, log } = options;
  if (pods?.hasSynced === false) throw new Error('its pods were not listed yet');
  const asked = candidates();
  const [instances, held] = await Promise.all([readInstances(consul, asked), readHeld(consul, cluster)]);
  const state = gatewayState({ cluster, pods: pods?.list() ?? [], candidates: asked, instances, port });
  const desired = pods === undefined ? { ...state, links: [], node: undefined, config: {} } : state;
  const { changes, conflicts } = diff(desired, held, desired.owner);
  if (conflicts[0] !== undefined) throw new Error(`${conflicts[0].what} in Consul belongs to ${conflicts[0].owner}`);
  if (pods !== undefined) await keepSecret([...new Set([...desired.links, ...linksOf(held)])].sort());
  for (const outcome of await consul.apply(changes)) {
    if (!outcome.ok) throw new Error(`${describeChange(outcome.change)}: ${outcome.error}`);
    log.info({ change: describeChange(outcome.change) }, 'the terminating gateway changed');
  }
  if (pods === undefined) {
    await sidecarSecrets.remove(NAMESPACE, GATEWAY_SERVICE);
    const verdicts = new Map([...state.verdicts.keys()].map((key) => [key, OFF]));
    return { verdicts, lost: false } satisfies Walked;
  }
  await keepSecret(desired.links);
  return { verdicts: state.verdicts, lost: changes.some(({ op }) => op === 'set-node') } satisfies Walked;

  async function keepSecret(links: string[]): Promise<void> {
    const changed = await sidecarSecrets.keep({
      namespace: NAMESPACE,
      name: GATEWAY_SERVICE,
      service: GATEWAY_SERVICE,
      links,
      stats: GATEWAY_STATS,
      runtime: GATEWAY_RUNTIME,
      streamSeconds: GATEWAY_STREAM_SECONDS,
      ownerReferences: [],
    });
    if (changed) await bringSecret(options);
  }
}

/** A kubelet looks for changed Secrets once in a minute or so, and at once when the pod itself has changed. */
async function bringSecret({ kube, pods, log }: TerminatingGatewayOptions): Promise<void> {
  const metadata = { annotations: { [ANNOTATION_SECRET_SINCE]: new Date().toISOString() } };
  const running = pods?.list().filter(({ finished }) => !finished) ?? [];
  for (const { name } of running) {
    try {
      await kube.patchMerge(podResource, name, NAMESPACE, { metadata });
    } catch (error) {
      if (!isNotFound(error)) log.warn({ err: error, pod: name }, 'the kubelet brings the Secret when it looks for it');
    }
  }
}

/** Of those candidates that have an instance on a node of the bridge: usually none, and this is one request. */
async function readInstances(
  consul: TerminatingGatewayOptions['consul'],
  candidates: LinkCandidate[],
): Promise<Map<string, FoundInstance[]>> {
  if (candidates.length === 0) return new Map();
  const outside = new Set(await consul.servicesOn(externalNodePrefix));
  const names = [...new Set(candidates.map(({ service }) => service))].filter((name) => outside.has(name));
  return new Map(await Promise.all(names.map(async (name) => [name, await consul.health(name)] as const)));
}

async function readHeld(consul: TerminatingGatewayOptions['consul'], cluster: string): Promise<ActualState> {
  const [node, entry] = await Promise.all([
    consul.readNode(gatewayNode(cluster)),
    consul.readConfig('terminating-gateway', GATEWAY_SERVICE),
  ]);
  return { node, config: entry === undefined ? {} : { [configKey(entry.entry)]: entry } };
}

const linksOf = ({ config }: ActualState): string[] =>
  Object.values(config).flatMap(({ entry }) =>
    ((entry['Services'] ?? []) as { Name: string }[]).map(({ Name }) => Name),
  );
