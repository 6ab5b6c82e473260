import {
  type MeshService,
  type MeshServiceSpec,
  type MeshServiceStatus,
  consulName,
  parseMeshService,
} from '../crds/mesh-service.ts';
import { proxySettings } from '../crds/proxy.ts';
import type { MutualTLS } from '../crds/doors.ts';
import type { PlannedProxy, ServicePlan } from '../mesh/outside/bridge-api.ts';
import { doorsOf, plaintextNumbers } from '../mesh/doors/doors.ts';
import type { PlannedDoors } from '../mesh/doors/machine-doors.ts';
import { judgementOf } from '../mesh/traffic/banner.ts';
import { type Standing, standingOf } from '../mesh/traffic/holder.ts';
import { type DefaultAccess, withDefaultAccess } from '../mesh/service/default-access.ts';
import { upstreamVariables } from '../mesh/service/upstream-variables.ts';

/** The facts of a MeshService that the bridge keeps. */
export interface ServiceFacts {
  namespace: string;
  name: string;
  /** The name in Consul. */
  service: string;
  protocol: ServicePlan['protocol'];
  upstreams: MeshServiceSpec['upstreams'];
  proxy: PlannedProxy;
  /** Only with tcp: how its sidecars judge a caller before they connect to the app. */
  judgement?: ServicePlan['judgement'];
  /** undefined: this program cannot read it. */
  doors?: PlannedDoors;
  /** Sites whose machines may join. */
  sites: string[];
  /** The state of its claim on the name in Consul, as its status says; it stays while Consul is away. */
  standing: Standing;
  deleting: boolean;
  createdAt: string;
  /** This program cannot parse it: it has a field of a newer version, or the CRD was changed. */
  unreadable?: boolean;
}

/** The words of the installation for MeshServices that do not say it themselves. */
export interface Standard {
  /** Default: Permissive. */
  mutualTLS?: MutualTLS;
  /** Default: None. */
  access?: DefaultAccess;
}

/** The mirror of all MeshServices; a reflector's reader fits. */
export interface MeshServices {
  /** False until a first list was read whole: before that an absence says nothing. */
  readonly hasSynced: boolean;
  by(index: 'service', value: string): ServiceFacts[];
}

/** `orphaned`: its MeshService is gone, or newer than this program. Its instances go on; no further one may join. */
export type Admission =
  | { kind: 'admitted'; plan: ServicePlan }
  | { kind: 'refused'; message: string }
  | { kind: 'orphaned'; message: string }
  | { kind: 'unknown' };

/**
 * Pure and total: an object that this program cannot parse admits nobody new. `standard`: the words of the installation for MeshServices without mutualTLS or access.
 */
export function serviceFacts(
  object: Parameters<typeof parseMeshService>[0],
  { mutualTLS = 'Permissive', access = 'None' }: Standard = {},
): ServiceFacts {
  const {
    name,
    namespace = '',
    creationTimestamp = '',
    deletionTimestamp,
  } = object.metadata as {
    name: string;
    namespace?: string;
    creationTimestamp?: string;
    deletionTimestamp?: string;
  };
  const identity = { namespace, name, createdAt: creationTimestamp, deleting: deletionTimestamp !== undefined };
  const meshService = parsed(object, access);
  if (meshService === undefined) {
    const raw = object.spec as { service?: unknown; protocol?: unknown } | null | undefined;
    const service = typeof raw?.service === 'string' ? raw.service : name;
    const protocol = PROTOCOLS.find((one) => one === raw?.protocol) ?? 'tcp';
    const nothing = {
      protocol,
      upstreams: [],
      proxy: plannedProxy(undefined),
      sites: [],
      unreadable: true,
    };
    return { ...identity, ...nothing, service, standing: standing(object, service) };
  }
  const { protocol, upstreams, workloads, proxy } = meshService.spec;
  return {
    ...identity,
    service: consulName(meshService),
    protocol,
    upstreams,
    proxy: plannedProxy(proxy),
    judgement: judgementOf(meshService.spec),
    doors: plannedDoors(meshService, mutualTLS),
    sites: workloads.external?.sites ?? [],
    standing: standing(object, consulName(meshService)),
  };
}

const PROTOCOLS = ['tcp', 'http', 'http2', 'grpc'] as const;

function plannedProxy(proxy: unknown): PlannedProxy {
  const { resources: _resources, stopDelay: _stopDelay, ...planned } = proxySettings.parse(proxy);
  return planned;
}

function plannedDoors(meshService: MeshService, standard: MutualTLS): PlannedDoors {
  const doors = doorsOf(meshService, standard);
  return { mode: doors.mode, plaintextPorts: plaintextNumbers(doors) };
}

/** The operator writes `status.consul.service` when it has claimed the name, and leaves it there over outages. */
function standing({ status }: { status?: unknown }, service: string): Standing {
  const { consul, conditions } = (status ?? {}) as MeshServiceStatus;
  return standingOf(service, { consul, conditions: Array.isArray(conditions) ? conditions : [] } as MeshServiceStatus);
}

function parsed(object: Parameters<typeof parseMeshService>[0], access: DefaultAccess): MeshService | undefined {
  try {
    return withDefaultAccess(parseMeshService(object), access);
  } catch {
    return undefined;
  }
}

/**
 * The MeshService that decides about a Consul name: the holder of the claim, even when its status says more. Before any claim, the oldest that stays, since it will make it. One that has lost the name comes last, and admits nobody.
 */
export function deciding(meshServices: MeshServices, service: string): ServiceFacts | undefined {
  const order = (facts: ServiceFacts): string =>
    [ORDER[facts.standing], Number(facts.deleting), facts.createdAt, facts.namespace, facts.name].join(' ');
  return [...meshServices.by('service', service)].sort((a, b) => (order(a) < order(b) ? -1 : 1))[0];
}

const ORDER: Record<Standing, number> = { holds: 0, open: 1, lost: 2 };

/** Whether instances of `service` may come from `site`. A refusal carries the sentence of what to add. */
export function admit(meshServices: MeshServices, service: string, site: string): Admission {
  if (!meshServices.hasSynced) return { kind: 'unknown' };
  const facts = deciding(meshServices, service);
  const add = `add "${site}" to spec.workloads.external.sites`;
  if (facts === undefined) {
    const message = `no MeshService has the Consul name "${service}": apply one that has it, and ${add}`;
    return { kind: 'orphaned', message };
  }
  const of = `MeshService ${facts.namespace}/${facts.name}`;
  if (facts.deleting) return { kind: 'orphaned', message: `${of} is being deleted: apply it again, and ${add}` };
  if (facts.standing === 'lost') {
    const message = `${of} does not hold the name "${service}" in Consul, so no machine may join it: its condition Synced says which owner does`;
    return { kind: 'orphaned', message };
  }
  if (facts.unreadable) {
    const message = `${of} cannot be read by this bridge: upgrade the bridge when the CRD is newer (landbridge upgrade), or mend the MeshService`;
    return { kind: 'orphaned', message };
  }
  if (!facts.sites.includes(site)) {
    return { kind: 'refused', message: `${of} does not admit instances from site "${site}": ${add}` };
  }
  return { kind: 'admitted', plan: planOf(meshServices, facts) };
}

const speaking = (meshServices: MeshServices, service: string): ServiceFacts | undefined => {
  const facts = deciding(meshServices, service);
  return facts?.standing === 'lost' ? undefined : facts;
};

function planOf(meshServices: MeshServices, facts: ServiceFacts): ServicePlan {
  const { service, protocol, proxy, doors, judgement } = facts;
  const variables = upstreamVariables(facts, (name) => speaking(meshServices, name)?.protocol);
  const upstreams = facts.upstreams.map((upstream) => {
    const found = variables.find((variable) => variable.service === upstream.service);
    const variable = found && { name: found.name, value: found.value };
    return { service: upstream.service, localPort: upstream.localPort, ...(variable && { variable }) };
  });
  return { service, protocol, upstreams, proxy, ...(judgement && { judgement }), ...(doors && { doors }) };
}
