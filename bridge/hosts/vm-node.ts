import type { BeatInstance, BeatRequest, ServicePlan } from '../../mesh/outside/bridge-api.ts';
import { doubtIn, doubtOutput } from '../../mesh/outside/call-doubt.ts';
import { type DoorReport, doorMark } from '../../mesh/doors/machine-doors.ts';
import { type CheckEntry, type NodeEntry, OWNER_META, type Registration } from '../../mesh/catalog/entry.ts';
import { type Instance, WAITING_LISTENER, registrationsOf } from '../../mesh/service/instance.ts';
import { judgementIn } from '../../mesh/service/waiting-listener.ts';
import { DOOR_META, bridgeOwner, sidecarId, vmNode } from '../../mesh/names/names.ts';
import type { HostIdentity } from '../certificates/authority.ts';

/** Facts about instances that their beat does not hold. */
export interface Known {
  /** Why calls of a healthy instance may fail, by its id; undefined without a doubt. */
  doubtOf?: (id: string) => string | undefined;
  /** Reports of its machine about doors. */
  doors?: ReadonlyMap<string, DoorReport> | undefined;
}

/** The Consul node of a host: its admitted instances as the host's beat says. undefined without instances. */
export function vmNodeEntry(
  identity: HostIdentity,
  beat: BeatRequest,
  plans: Map<string, ServicePlan>,
  held: NodeEntry | undefined,
  { doubtOf = () => undefined, doors }: Known = {},
): NodeEntry | undefined {
  const registrations = beat.instances.flatMap((instance) => {
    const plan = plans.get(instance.service);
    if (plan === undefined) return [];
    const before = held?.registrations[instance.id]?.service.Meta[DOOR_META];
    const door = doorMark(plan.doors, instance.appPort, doors?.get(instance.id), before);
    return registrationsOf({ ...vmInstance(identity, beat.address, instance, plan), door });
  });
  if (registrations.length === 0) return undefined;
  return {
    ...vmNodeIdentity(identity, beat.address),
    registrations: Object.fromEntries(
      registrations.map((wanted) => [wanted.service.ID, withDoubt(keepOutput(wanted, held), doubtOf)]),
    ),
  };
}

function withDoubt(wanted: Registration, doubtOf: (id: string) => string | undefined): Registration {
  const doubt = doubtOf(wanted.service.Proxy?.DestinationServiceID ?? wanted.service.ID);
  if (doubt === undefined) return wanted;
  const doubted = (check: CheckEntry): CheckEntry =>
    check.Status === 'passing' ? { ...check, Output: doubtOutput(doubt) } : check;
  return { ...wanted, checks: wanted.checks.map(doubted) };
}

/**
 * The upstreams of services without a MeshService, and how their sidecars judge callers, as far as the catalog holds them. A registration does not hold the
 * protocol. A service that has no instance in the catalog has nothing to go on with.
 */
export function orphanPlans(
  services: ReadonlyMap<string, string>,
  node: NodeEntry | undefined,
): Map<string, ServicePlan> {
  const plans = new Map<string, ServicePlan>();
  for (const { service } of Object.values(node?.registrations ?? {})) {
    const name = service.Proxy?.DestinationServiceName;
    if (name === undefined || !services.has(name)) continue;
    const upstreams = (service.Proxy?.Upstreams ?? []).map((upstream) => ({
      service: upstream.DestinationName,
      localPort: upstream.LocalBindPort,
    }));
    const listener = service.Proxy?.Config?.[WAITING_LISTENER];
    const judgement = typeof listener === 'string' ? judgementIn(listener) : undefined;
    if (upstreams.length > 0 || !plans.has(name))
      plans.set(name, { service: name, protocol: 'tcp', upstreams, ...(judgement && { judgement }) });
  }
  return plans;
}

function vmNodeIdentity({ site, host }: HostIdentity, address: string): Omit<NodeEntry, 'registrations'> {
  const meta = { [OWNER_META]: bridgeOwner(site, host), platform: 'vm', site };
  return { Node: vmNode(site, host), Address: address, Meta: meta };
}

const vmInstance = (
  { site, host }: HostIdentity,
  address: string,
  instance: BeatInstance,
  plan: ServicePlan,
): Instance => ({
  id: instance.id,
  service: instance.service,
  platform: 'vm',
  site,
  address,
  appPort: instance.appPort,
  sidecarPort: instance.sidecarPort,
  health: instance.health,
  output: instance.output,
  version: instance.version,
  zone: instance.zone,
  node: host,
  upstreams: instance.bindsUpstreams ? plan.upstreams : [],
  accessLog: plan.proxy?.accessLog ?? 'none',
  judgement: plan.judgement,
});

/** A change from "200 in 3 ms" to "200 in 4 ms" is not worth a write: while a check stays passing its first output stays. */
function keepOutput(wanted: Registration, held: NodeEntry | undefined): Registration {
  const before = held?.registrations[wanted.service.ID]?.checks ?? [];
  const checks = wanted.checks.map((check) => {
    const was = before.find((other) => other.CheckID === check.CheckID);
    const doubted = [was?.Output ?? '', check.Output].some((output) => doubtIn(output) !== undefined);
    const stays = was?.Status === 'passing' && check.Status === 'passing' && !doubted;
    return stays ? { ...check, Output: was.Output } : check;
  });
  return { ...wanted, checks };
}

const LEASE_LOST = 'lease lost: ';
const STOPPED = 'the agent was stopped there';

/** The last beat of an agent that ends on purpose: its instances are down, and for that reason. */
export const stoppedBeat = (beat: BeatRequest): BeatRequest => ({
  ...beat,
  instances: beat.instances.map((instance) => ({ ...instance, health: 'critical', output: STOPPED })),
});

/** The output of every check of a host that was silent for a whole lease. */
export const leaseLostOutput = (host: string, leaseMs: number): string =>
  `${LEASE_LOST}nothing heard from ${host} for ${Math.round(leaseMs / 100) / 10} s`;

/** The same node with every check critical: a lapse writes checks only. An agent that was stopped has said why already. */
export function lapsedNode(node: NodeEntry, output: string): NodeEntry {
  const lost = (check: CheckEntry): CheckEntry =>
    check.Status === 'critical' && check.Output === STOPPED ? check : { ...check, Status: 'critical', Output: output };
  const registrations = Object.entries(node.registrations).map(
    ([id, registration]) => [id, { ...registration, checks: registration.checks.map(lost) }] as const,
  );
  return { ...node, registrations: Object.fromEntries(registrations) };
}

/** Whether a node was marked down by a lapse or a stop, perhaps in an earlier life of the bridge. */
export function isLapsed(node: NodeEntry): boolean {
  const checks = Object.values(node.registrations).flatMap((registration) => registration.checks);
  return checks.length > 0 && checks.every(({ Output }) => Output.startsWith(LEASE_LOST) || Output === STOPPED);
}

/** The node without the instances of services that `keep` says no to; undefined when none is left. */
export function withoutServices(
  node: NodeEntry | undefined,
  keep: (service: string) => boolean,
): NodeEntry | undefined {
  if (node === undefined) return undefined;
  const serviceOf = ({ service }: Registration): string => service.Proxy?.DestinationServiceName ?? service.Service;
  const left = Object.entries(node.registrations).filter(([, registration]) => keep(serviceOf(registration)));
  return left.length === 0 ? undefined : { ...node, registrations: Object.fromEntries(left) };
}

/** The node as it is wanted, with the health that a beat says: nothing is added, removed or registered again. */
export function flippedNode(node: NodeEntry, { instances }: BeatRequest): NodeEntry {
  const registrations = { ...node.registrations };
  for (const { id, health, output } of instances) {
    for (const serviceId of [id, sidecarId(id)]) {
      const registration = registrations[serviceId];
      if (registration === undefined) continue;
      const checks = registration.checks.map((check) => ({ ...check, Status: health, Output: output }));
      registrations[serviceId] = keepOutput({ ...registration, checks }, node);
    }
  }
  return { ...node, registrations };
}
