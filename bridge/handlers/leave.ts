import type { z } from 'zod';
import type { LeaveAnswer, leaveRequest } from '../../mesh/outside/bridge-api.ts';
import type { HostCall } from '../api/call.ts';
import { claimHost } from '../hosts/claim.ts';
import { refuseUnwritten } from '../api/refuse-unwritten.ts';
import { withoutServices } from '../hosts/vm-node.ts';

/**
 * POST /v1/leave: first the instances leave Consul, so that traffic stops; then the record. Doing it twice is doing it
 * once, so a host that gets no answer asks again.
 */
export async function leave({
  bridge,
  host,
  body,
}: HostCall<
  'clock' | 'hosts' | 'leaseMs' | 'log' | 'tokens' | 'writer',
  z.output<typeof leaveRequest>
>): Promise<LeaveAnswer> {
  claimHost(bridge, host, body.run, host.claim?.address ?? 'an address it did not tell');
  const joined = host.held?.record.services ?? [];
  const leaving = body.services.length === 0 ? joined : body.services;
  const left = joined.filter((service) => !leaving.includes(service));
  const { node, owner } = host;
  const wanted = left.length === 0 ? undefined : bridge.writer.wanted(node);
  const remaining = withoutServices(wanted, (service) => left.includes(service));
  refuseUnwritten(await bridge.writer.want(node, owner, remaining));
  if (left.length === 0) {
    await bridge.hosts.erase(host);
    bridge.hosts.remove(host);
    // A beat that came while the record went has written the node again. Later beats are refused. The writer goes on trying, since the host is forgotten and cannot ask again.
    await bridge.writer.want(node, owner, undefined);
  } else {
    await bridge.hosts.change(host, (record) => ({ ...record, services: left }));
  }
  bridge.tokens.end(host, (service) => !left.includes(service));
  bridge.log.info({ site: host.site, host: host.host, services: leaving, left }, 'host left');
  return { services: left };
}
