import type { MeshServiceSpec } from '../../crds/mesh-service.ts';
import type { Traffic } from '../../crds/traffic.ts';
import { respell } from '../duration.ts';

type Json = Record<string, unknown>;

const FAILURES = 5;
const EJECT_FOR = '30s';
/** Envoy looks every so often whether an ejected instance may come back; ejecting is immediate. Consul's default. */
const INTERVAL = '10s';
/** The share of the instances, while no failover is set. */
export const MAX_EJECTED_PERCENT = 50;

/**
 * Limits and passive health are the caller's to keep, so Consul has them in the caller's service-defaults, while people
 * say them where they know them: at the service that is called. `trafficOf` finds that.
 */
export function upstreamConfig(
  upstreams: MeshServiceSpec['upstreams'],
  trafficOf: (service: string) => Traffic | undefined,
): Json | undefined {
  if (upstreams.length === 0) return undefined;
  const own = upstreams.flatMap(({ service }) => {
    const traffic = trafficOf(service);
    const special = traffic?.limits !== undefined || traffic?.passiveHealth !== undefined || traffic?.failover;
    return traffic !== undefined && special ? [{ Name: service, ...policy(traffic) }] : [];
  });
  const Overrides = own.sort((a, b) => (a.Name < b.Name ? -1 : 1));
  return { Defaults: policy({}), ...(Overrides.length === 0 ? {} : { Overrides }) };
}

function policy({ limits, passiveHealth, failover }: Traffic): Json {
  return {
    ...(limits === undefined
      ? {}
      : {
          Limits: {
            ...(limits.maxConnections && { MaxConnections: limits.maxConnections }),
            ...(limits.maxPendingRequests && { MaxPendingRequests: limits.maxPendingRequests }),
            ...(limits.maxConcurrentRequests && { MaxConcurrentRequests: limits.maxConcurrentRequests }),
          },
        }),
    PassiveHealthCheck:
      passiveHealth?.mode === 'Off'
        ? { EnforcingConsecutive5xx: 0 }
        : {
            Interval: INTERVAL,
            MaxFailures: passiveHealth?.failures ?? FAILURES,
            BaseEjectionTime: respell(passiveHealth?.ejectFor ?? EJECT_FOR),
            // With somewhere else to go, all of a subset may be left; without, half of it goes on being tried.
            MaxEjectionPercent:
              passiveHealth?.maxEjectedPercent ?? (failover === undefined ? MAX_EJECTED_PERCENT : 100),
          },
  };
}
