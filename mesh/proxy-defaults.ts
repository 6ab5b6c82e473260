import { type ConfigEntry, OWNER_META } from './entry.ts';

/**
 * The settings of every proxy. A sidecar ends a stream of its app in which nothing has moved for five minutes, and
 * this is the only place, beside each single registration, where Consul takes another limit. So the callee has none, and
 * `spec.traffic.idleTimeout`, which the caller's sidecar keeps, is the only one; it is five minutes by default.
 */
export const proxyDefaults = (owner: string): ConfigEntry => ({
  Kind: 'proxy-defaults',
  Name: 'global',
  Config: { local_idle_timeout_ms: 0 },
  Meta: { [OWNER_META]: owner },
});
