import type { ReachAnswer } from '../../mesh/bridge-api.ts';
import type { HostCall } from '../call.ts';
import type { Host } from '../hosts.ts';
import { reachSidecar } from '../reach.ts';
import { Refusal } from '../refusal.ts';

const underWay = new WeakSet<Host>();
/** Of one host, at a time. */
const MAX_INSTANCES = 16;

/** POST /v1/reach: tries the sidecars that the host has in the mesh from here, as others will. One such request of a host at a time. */
export async function reach({ bridge, host }: HostCall<object>): Promise<ReachAnswer> {
  if (underWay.has(host))
    throw new Refusal('tooMany', `host "${host.host}" is being tried already: wait for that answer`);
  underWay.add(host);
  try {
    const registrations = Object.values(bridge.writer.held(host.node)?.registrations ?? {});
    const sidecars = registrations.flatMap(({ service: { Address, Port, Proxy } }) =>
      Proxy?.DestinationServiceID === undefined
        ? []
        : [{ id: Proxy.DestinationServiceID, service: Proxy.DestinationServiceName, address: Address, port: Port }],
    );
    const instances = sidecars
      .slice(0, MAX_INSTANCES)
      .map(async ({ id, ...at }) => ({ id, ...(await reachSidecar(at)) }));
    return { instances: await Promise.all(instances) };
  } finally {
    underWay.delete(host);
  }
}
