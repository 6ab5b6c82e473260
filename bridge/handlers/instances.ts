import type { InstanceRow, InstancesAnswer } from '../../mesh/bridge-api.ts';
import { admit } from '../admission.ts';
import type { Bridge } from '../bridge.ts';
import type { Call } from '../call.ts';
import type { External } from '../externals.ts';
import type { Host } from '../hosts.ts';

/** GET /v1/instances: all off-cluster instances, by site, host and id. */
export async function instances({ bridge }: Call): Promise<InstancesAnswer> {
  const rows = [
    ...bridge.hosts.all().flatMap((host) => vmRows(bridge, host)),
    ...bridge.externals.all().map(externalRow),
  ];
  const order = ({ site, host, id }: InstanceRow): string => [site, host, id].join(' ');
  return {
    instances: rows.sort((a, b) => (order(a) < order(b) ? -1 : 1)),
    brakes: bridge.leases.brakes(),
    released: bridge.leases.released(),
  };
}

function vmRows(bridge: Bridge, host: Host): InstanceRow[] {
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
      note: noteOf(bridge, service.Service, host.site),
    }));
}

function noteOf(bridge: Bridge, service: string, site: string): string | undefined {
  const admission = admit(bridge.meshServices, service, site);
  return admission.kind === 'orphaned' ? admission.message : undefined;
}

const externalRow = ({ name, wanted, latest }: External): InstanceRow => ({
  id: name,
  service: wanted.service,
  platform: 'external',
  site: wanted.site,
  host: name,
  address: wanted.address,
  port: wanted.port,
  health: latest.health,
  output: latest.output,
});
