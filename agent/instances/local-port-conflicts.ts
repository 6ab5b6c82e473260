import type { ServicePlan } from '../../mesh/outside/bridge-api.ts';

export interface LocalPortConflict {
  /** The service that gets none of its upstreams bound. */
  loser: string;
  message: string;
}

/**
 * Services of one machine that want the same local port for an upstream. Envoy listens with SO_REUSEPORT, so nothing
 * would fail: the kernel would deal the connections out between the two sidecars, and half of the calls would carry the
 * other service's identity. The service that comes first by name gets its ports.
 */
export function localPortConflicts(plans: ServicePlan[]): LocalPortConflict[] {
  const taken = new Map<number, string>();
  return [...plans]
    .sort((a, b) => (a.service < b.service ? -1 : 1))
    .flatMap(({ service, upstreams }) => {
      const clash = upstreams.find(({ localPort }) => taken.has(localPort));
      if (clash === undefined) {
        for (const { localPort } of upstreams) taken.set(localPort, service);
        return [];
      }
      const holder = taken.get(clash.localPort);
      const message = `${service} and ${holder} both want 127.0.0.1:${clash.localPort} on this machine: ${service} gets none of its upstreams until its MeshService names another localPort`;
      return [{ loser: service, message }];
    });
}
