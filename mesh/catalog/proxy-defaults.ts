import { type ConfigEntry, OWNER_META } from './entry.ts';
import { equal } from '../equal.ts';

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

/** The entry to write in the place of `held`; undefined: those in Consul are in order, or not ours. */
export function proxyDefaultsToWrite(
  held: ConfigEntry | undefined,
  owner: string,
  wereOurs: boolean,
): ConfigEntry | undefined {
  const isOurs = held?.Meta[OWNER_META] === owner;
  const wanted = proxyDefaults(owner);
  return (isOurs || wereOurs) && !equal(withoutEmpty(held), wanted) ? wanted : undefined;
}

/** Consul adds settings without content to what it was given. */
const withoutEmpty = (entry: ConfigEntry | undefined): unknown =>
  entry &&
  Object.fromEntries(
    Object.entries(entry).filter(
      ([field, value]) =>
        field === 'Meta' || typeof value !== 'object' || value === null || Object.keys(value).length > 0,
    ),
  );
