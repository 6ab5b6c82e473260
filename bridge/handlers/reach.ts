import type { ReachAnswer } from '../../mesh/outside/bridge-api.ts';
import type { HostCall } from '../api/call.ts';
import type { Host } from '../hosts/hosts.ts';
import { type Pace, paceHosts } from '../api/pace.ts';
import { reachMachine, reachSentence } from '../reach/try-sidecar.ts';
import { Refusal } from '../refusal.ts';

const underWay = new WeakSet<Host>();
/** Instances of one host in one request. */
const MAX_INSTANCES = 16;
/** `vm join` asks some seven times, and a machine may join several services one after the other. */
const PACE = { burst: 60, everyMs: 1000 };
const paces = new WeakMap<object, Pace>();

/** POST /v1/reach: tries the sidecars that the host has in the mesh from here, as others will. One such request of a host at a time. */
export async function reach({
  bridge,
  host,
  remoteAddress,
}: HostCall<'clock' | 'writer', object>): Promise<ReachAnswer> {
  if (underWay.has(host))
    throw new Refusal('tooMany', `host "${host.host}" is being tried already: wait for that answer`);
  const pace = paces.get(bridge) ?? paceHosts(bridge.clock, PACE);
  paces.set(bridge, pace);
  const earlyMs = pace.take(host);
  if (earlyMs > 0)
    throw new Refusal('tooMany', `host "${host.host}" asks too often: try again in ${Math.ceil(earlyMs / 1000)} s`);
  underWay.add(host);
  try {
    const registrations = Object.values(bridge.writer.held(host.node)?.registrations ?? {});
    const sidecars = registrations.flatMap(({ service: { Address, Port, Proxy } }) =>
      Proxy?.DestinationServiceID === undefined
        ? []
        : [{ id: Proxy.DestinationServiceID, service: Proxy.DestinationServiceName, address: Address, port: Port }],
    );
    const instances = sidecars.slice(0, MAX_INSTANCES).map(async ({ id, ...at }) => {
      const reached = await reachMachine(at, remoteAddress);
      const { ok, output } = reached;
      return { id, ok, output: ok ? output : reachSentence(reached, host.host, at.port) };
    });
    return { instances: await Promise.all(instances) };
  } finally {
    underWay.delete(host);
  }
}
