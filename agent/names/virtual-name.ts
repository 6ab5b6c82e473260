import type { Answer } from 'dns-packet';

import type { ServicePlan } from '../../mesh/outside/bridge-api.ts';

const VIRTUAL = /^([a-z0-9-]+)\.virtual\.consul$/;
/** Seconds. */
const TTL = 5;

/**
 * `NAME.virtual.consul` where no proxy catches a virtual address: this machine's own loopback, where its sidecar listens
 * for its upstream NAME, and as SRV the port too. Gives undefined for another name, and `denied` for a service that is not an upstream here.
 */
export function virtualName(
  name: string,
  type: string,
  upstreams: readonly Pick<ServicePlan['upstreams'][number], 'service' | 'localPort'>[],
): Answer[] | 'denied' | undefined {
  const service = VIRTUAL.exec(name)?.[1];
  if (service === undefined) return undefined;
  const ports = upstreams.filter((upstream) => upstream.service === service).map(({ localPort }) => localPort);
  if (ports.length === 0) return 'denied';
  if (type === 'A') return [{ name, type, ttl: TTL, data: '127.0.0.1' }];
  if (type !== 'SRV') return [];
  return ports.map((port) => ({ name, type, ttl: TTL, data: { port, target: name, priority: 1, weight: 1 } }));
}
