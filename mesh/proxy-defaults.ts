import { type ConfigEntry, OWNER_META } from './entry.ts';

/**
 * What Consul tells every proxy. A sidecar ends a stream of its app in which nothing has moved for five minutes, and
 * this is the only place, beside each single registration, where Consul takes another limit. So the callee has none, and
 * `spec.traffic.idleTimeout`, which the caller's sidecar keeps, is the only one; it is five minutes by default.
 */
export const proxyDefaults = (owner: string): ConfigEntry => ({
  Kind: 'proxy-defaults',
  Name: 'global',
  Config: { local_idle_timeout_ms: 0 },
  Meta: { [OWNER_META]: owner },
});

/** Of the entry that Consul holds, whoever wrote it: idle limits above five minutes hold. */
export const liftsIdleLimit = (held: Record<string, unknown> | undefined): boolean => {
  const limitMs = (held?.['Config'] as Record<string, unknown> | undefined)?.['local_idle_timeout_ms'];
  return limitMs !== undefined && Number(limitMs) === 0;
};
