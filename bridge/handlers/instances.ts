import type { z } from 'zod';
import type { InstanceRow, InstancesAnswer, instancesQuery } from '../../mesh/outside/bridge-api.ts';
import { doubtIn, skewProblem } from '../../mesh/outside/call-doubt.ts';
import { inParallel } from '../../base/in-parallel.ts';
import { doorNote } from '../../mesh/doors/machine-doors.ts';
import { ownerOfFound } from '../../mesh/outside/adoption.ts';
import { bridgeOwner, externalNode } from '../../mesh/names/names.ts';
import { admit } from '../admission.ts';
import type { ServiceEntry } from '../../mesh/catalog/entry.ts';
import type { Bridge } from '../api/bridge.ts';
import type { Call } from '../api/call.ts';
import { rivalNote } from '../hosts/claim.ts';
import { SINCE_META } from '../externals/node.ts';
import type { External } from '../externals/externals.ts';
import type { Host } from '../hosts/hosts.ts';

/** The parts of the bridge that this touches. */
type Parts = 'clock' | 'consul' | 'externals' | 'hosts' | 'leaseMs' | 'leases' | 'meshServices' | 'writer';

/** GET /v1/instances: all off-cluster instances, by site, host and id; with `?others` the instances of other registrars, too. */
export async function instances({
  bridge,
  query,
}: Call<Parts, undefined, z.output<typeof instancesQuery>>): Promise<InstancesAnswer> {
  const rows = [
    ...bridge.hosts.all().flatMap((host) => vmRows(bridge, host)),
    ...bridge.externals.all().map((external) => externalRow(bridge, external)),
    ...(query.others !== undefined ? await otherRows(bridge) : []),
  ];
  const order = ({ site, host, id }: InstanceRow): string => [site, host, id].join(' ');
  return {
    instances: rows.sort((a, b) => (order(a) < order(b) ? -1 : 1)),
    brakes: bridge.leases.brakes(),
    notAdmitted: bridge.hosts.all().flatMap((host) => notAdmitted(bridge, host)),
    released: bridge.leases.released(),
  };
}

/** Consul has no instance of such a service, so nothing else shows that a machine asks for it. */
function notAdmitted(
  bridge: Pick<Bridge, Parts>,
  { site, host, held, lease }: Host,
): NonNullable<InstancesAnswer['notAdmitted']> {
  // A machine that is gone asks for nothing.
  if (lease.down) return [];
  return (held?.record.services ?? []).flatMap((service) => {
    const admission = admit(bridge.meshServices, service, site);
    return admission.kind === 'refused' ? [{ site, host, service, message: admission.message }] : [];
  });
}

function vmRows(bridge: Pick<Bridge, Parts>, host: Host): InstanceRow[] {
  const registrations = Object.values(bridge.writer.wanted(host.node)?.registrations ?? {});
  const silentMs = Math.max(0, Math.round(bridge.clock.steady() - host.lease.heardAtMs));
  return registrations
    .filter(({ service }) => service.Kind === undefined)
    .map(({ service, checks }) => ({
      id: service.ID,
      service: service.Service,
      platform: 'vm' as const,
      site: host.site,
      host: host.host,
      address: service.Address,
      port: service.Port,
      health: checks[0]?.Status ?? 'critical',
      output: checks[0]?.Output ?? '',
      silentMs,
      owner: host.owner,
      since: host.held?.record.joinedAt,
      note: withProblems(noteOf(bridge, host, service.Service) ?? doubtIn(checks[0]?.Output ?? ''), host),
      door: doorOf(bridge, host, service),
    }));
}

/** The output of an instance that is down has its own reason, so the clock is named beside it. */
function noteOf(bridge: Pick<Bridge, Parts>, host: Host, service: string): string | undefined {
  const admission = admit(bridge.meshServices, service, host.site);
  const orphaned = admission.kind === 'orphaned' ? admission.message : undefined;
  return rivalNote(bridge, host) ?? orphaned ?? skewProblem(`the clock of ${host.host}`, host.skewMs);
}

/** A machine that is silent is not what it said last. */
function withProblems(note: string | undefined, { problems = [], lease }: Host): string | undefined {
  const told = [note ?? [], lease.down ? [] : problems].flat();
  return told.length === 0 ? undefined : told.join('; ');
}

/** undefined: it is as its MeshService wants it, or the machine has not told (an earlier agent does not). */
function doorOf(bridge: Pick<Bridge, Parts>, host: Host, { ID, Service, Port }: ServiceEntry): string | undefined {
  const report = host.doors?.get(ID);
  const admission = admit(bridge.meshServices, Service, host.site);
  return report && doorNote(admission.kind === 'admitted' ? admission.plan.doors : undefined, Port, report);
}

const externalRow = (bridge: Pick<Bridge, Parts>, { name, wanted, latest }: External): InstanceRow => ({
  id: name,
  service: wanted.service,
  platform: 'external',
  site: wanted.site,
  host: name,
  address: wanted.address,
  port: wanted.port,
  health: latest.health,
  output: latest.output,
  owner: bridgeOwner(wanted.site, name),
  since: bridge.writer.wanted(externalNode(wanted.site, name))?.Meta[SINCE_META],
});

const PARALLEL = 8;

/** Other instances in the catalog that are not pods: registered by hand, by an agent, by another tool or an earlier installation. */
async function otherRows(bridge: Pick<Bridge, Parts>): Promise<InstanceRow[]> {
  const rows: InstanceRow[] = [];
  const nodes = (await bridge.consul.listNodes('')).filter(({ name }) => !name.startsWith('k8s.'));
  const foreign = nodes.filter(({ name }) => bridge.writer.held(name) === undefined);
  await inParallel(foreign, PARALLEL, async ({ name }) => {
    for (const found of await bridge.consul.foundRegistrations(name)) {
      const { service, health, output, nodeAddress } = found;
      if (service.Kind !== undefined || service.Service === 'consul') continue;
      rows.push({
        id: service.ID,
        service: service.Service,
        platform: 'other',
        site: '-',
        host: name,
        address: service.Address || nodeAddress,
        port: service.Port,
        health,
        output,
        owner: ownerOfFound(found) ?? '-',
      });
    }
  });
  return rows;
}
