import type { Reason } from '../../crds/reasons.ts';
import { type MeshService, SIDECAR_PORT, consulName } from '../../crds/mesh-service.ts';
import type { Traffic } from '../../crds/traffic.ts';
import { type CatalogState, OWNER_META, type Registration, configKey } from '../catalog/entry.ts';
import { type Instance, registrationsOf } from './instance.ts';
import { meshServiceOwner, podsNode } from '../names/names.ts';
import type { PodFacts } from './pod.ts';
import { selects } from './selector.ts';
import { judgementOf } from '../traffic/banner.ts';
import type { TrafficProblem } from '../traffic/problems/problem.ts';
import { configEntries } from '../traffic/entries.ts';

/** The MeshService and its pods: everything that the core needs to know of it. */
export interface Intent {
  cluster: string;
  namespace: string;
  name: string;
  /** undefined when the object is gone or being deleted: an intent that asks for nothing. */
  meshService: MeshService | undefined;
  /** Injected pods of the MeshService, any phase. */
  pods: PodFacts[];
  /** Names in Consul under which earlier walks may have written. Entries there that nobody wants now are removed. */
  formerServices: string[];
  /** The Pod Security standard that the namespace enforces; undefined: none that is known. */
  podSecurity?: string | undefined;
  /** spec.traffic of the services that it calls, by name in Consul, where a MeshService says it. */
  callees?: Record<string, Traffic>;
  /** The name in Consul that it held when its status was written. */
  holds?: string | undefined;
  /** Owner marks of other MeshServices of the cluster that want the name. Default: not known. */
  rivals?: string[];
  /** Which other MeshService selects the same pods, in a sentence; `yields`: the other is older, and has them. */
  overlap?: { message: string; yields: boolean } | undefined;
  /** The findings of the rules between MeshServices (mesh/traffic/problems/problems.ts). */
  problems?: TrafficProblem[] | undefined;
}

/** Something the user has to mend, found while working out what Consul should hold. */
interface Problem {
  reason: Reason;
  message: string;
}

export interface Desired extends CatalogState {
  owner: string;
  /** The name in Consul; undefined when nothing is asked for. */
  service: string | undefined;
  problems: Problem[];
  /** The MeshService cannot be served as it asks, so the config entries that are held stay, except intentions; see mesh/catalog/kept.ts. */
  keepsConfig: boolean;
  /** Entries that lead to other services go meanwhile, since they would be in their way. */
  withdraws: boolean;
  holds: string | undefined;
  rivals: string[] | undefined;
}

/** The wanted state in Consul for a MeshService. An intent without MeshService asks for nothing, so everything becomes a removal. */
export function desiredState(intent: Intent): Desired {
  const { cluster, namespace, name, meshService } = intent;
  const owner = meshServiceOwner(cluster, namespace, name);
  const claim = { owner, holds: intent.holds, rivals: intent.rivals };
  if (meshService === undefined) {
    const nothing = { node: undefined, config: {}, problems: [], keepsConfig: false, withdraws: false };
    return { ...claim, service: undefined, ...nothing };
  }

  const blocking = (intent.problems ?? []).filter(({ weight }) => weight !== 'warn');
  // A new name is taken together with what is asked for under it.
  const service = (blocking.length > 0 ? intent.holds : undefined) ?? consulName(meshService);
  const problems: Problem[] = blocking.map(({ reason, message }) => ({ reason, message }));
  const registrations: Record<string, Registration> = {};
  for (const pod of intent.pods) {
    const made = podRegistrations(cluster, service, meshService, pod);
    if (made === 'portNotFound') problems.push(portNotFound(meshService, pod));
    else for (const registration of made) registrations[registration.service.ID] = registration;
  }
  const config = configEntries(meshService, owner, (callee) => intent.callees?.[callee]);
  return {
    ...claim,
    service,
    node: {
      Node: podsNode(cluster, namespace, name),
      // Never used: each registration carries its own address. Consul wants one all the same.
      Address: '127.0.0.1',
      Meta: { 'synthetic-node': 'true', [OWNER_META]: owner },
      registrations,
    },
    config: Object.fromEntries(config.map((entry) => [configKey(entry), entry])),
    problems,
    keepsConfig: blocking.length > 0,
    withdraws: blocking.some(({ withdraws }) => withdraws === true),
  };
}

type Made = Registration[] | 'portNotFound';

/**
 * The registrations that an earlier walk made for the same pod and spec objects, which are replaced and never changed. So a walk makes only changed parts again, and the diff knows the rest by identity. The memory keeps nothing alive.
 */
const madeBefore = new WeakMap<PodFacts, { spec: MeshService['spec']; cluster: string; service: string; made: Made }>();

function podRegistrations(cluster: string, service: string, meshService: MeshService, pod: PodFacts): Made {
  const before = madeBefore.get(pod);
  const { spec } = meshService;
  if (before?.spec === spec && before.service === service && before.cluster === cluster) return before.made;
  const instance = podInstance(cluster, service, meshService, pod);
  const made = instance === undefined ? [] : instance === 'portNotFound' ? instance : registrationsOf(instance);
  madeBefore.set(pod, { spec, cluster, service, made });
  return made;
}

/**
 * A pod takes part from its first IP until it is gone; it takes traffic while it is ready and not terminating. Its sidecar
 * is registered as soon as the pod is bound to a node: the kubelet tells the IP up to a second after it has started Envoy,
 * which has its configuration by then, so that the app's start waits for one look of the kubelet less.
 */
function podInstance(
  cluster: string,
  service: string,
  meshService: MeshService,
  pod: PodFacts,
): Instance | undefined | 'portNotFound' {
  if (!pod.injected || pod.finished) return undefined;
  if (pod.ip === undefined && (pod.node === undefined || pod.terminating)) return undefined;
  const { port = 0, upstreams, workloads, proxy, reach } = meshService.spec;
  // A label taken off a pod, or a selector made narrower, takes the pod out although its sidecar stays.
  if (workloads.pods === undefined || !selects(workloads.pods.selector, pod.labels)) return undefined;
  const appPort = typeof port === 'number' ? port : pod.ports[port];
  if (appPort === undefined) return 'portNotFound';
  const passing = pod.ready && !pod.terminating && pod.ip !== undefined;
  return {
    id: pod.name,
    service,
    platform: 'pod',
    site: cluster,
    address: pod.ip,
    appPort,
    sidecarPort: SIDECAR_PORT,
    reachedAt: reach === 'hostPort' ? atItsNode(pod) : undefined,
    health: passing ? 'passing' : 'critical',
    output: passing ? 'pod is ready' : pod.terminating ? 'pod is terminating' : pod.notReadyBecause,
    version: pod.version,
    zone: pod.zone,
    node: pod.node,
    upstreams,
    accessLog: proxy.accessLog,
    judgement: judgementOf(meshService.spec),
  };
}

/** The port of the pod itself counts: a pod without a host port is reached as before. */
const atItsNode = ({ hostIp, hostPort }: PodFacts): Instance['reachedAt'] =>
  hostIp === undefined || hostPort === undefined ? undefined : { address: hostIp, port: hostPort };

const portNotFound = (meshService: MeshService, pod: PodFacts): Problem => ({
  reason: 'PortNotFound',
  message: `pod ${pod.name} has no container port named "${String(meshService.spec.port)}": name the port in the pod, or give spec.port as a number`,
});
