import { goDuration } from '../../../mesh/duration.ts';
import type { ConfigEntry } from '../../../mesh/catalog/entry.ts';

type Raw = Record<string, unknown>;

/** Set by Consul on every entry. */
const OWN_FIELDS = ['CreateIndex', 'ModifyIndex', 'Hash', 'Namespace', 'Partition'];
/** Set by Consul on the sources of an intention. `Type` can only be `consul`. */
const SOURCE_FIELDS = ['Precedence', 'Type', 'LegacyID', 'LegacyMeta', 'LegacyCreateTime', 'LegacyUpdateTime'];
/** Structs without `omitempty` effect in Consul: always there, `{}` when unset. */
const ALWAYS_THERE = ['TransparentProxy', 'MeshGateway', 'Expose'];

/** The entry as it was written, without the fields that Consul adds. The input is not changed. */
export function configEntry(raw: Raw): { entry: ConfigEntry; modifyIndex: number } {
  const entry = tidy(without(raw, OWN_FIELDS)) as ConfigEntry;
  entry.Meta ??= {};
  if (entry.Kind === 'service-intentions')
    entry['Sources'] = listOf(entry['Sources']).map((s) => without(s, SOURCE_FIELDS));
  if (entry.Kind === 'service-defaults') {
    tidyUpstreams(entry['UpstreamConfig'] as Raw | undefined);
    tidyExtensions(listOf(entry['EnvoyExtensions']));
  }
  if (entry.Kind === 'service-resolver') tidyCookies(entry['LoadBalancer'] as Raw | undefined);
  if (entry.Kind === 'http-route') tidyRules(listOf(entry['Rules']));
  return { entry, modifyIndex: Number(raw['ModifyIndex']) };
}

const without = (raw: Raw, fields: string[]): Raw =>
  Object.fromEntries(Object.entries(raw).filter(([field]) => !fields.includes(field)));

const listOf = (value: unknown): Raw[] => (Array.isArray(value) ? (value as Raw[]) : []);

/** Drops what is null and the structs that are always there. */
function tidy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tidy);
  if (value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value).filter(
    ([field, inner]) => inner !== null && !(ALWAYS_THERE.includes(field) && Object.keys(inner as object).length === 0),
  );
  return Object.fromEntries(kept.map(([field, inner]) => [field, tidy(inner)]));
}

/** Consul takes these durations as text and gives them back as nanoseconds. */
function tidyUpstreams(config: Raw | undefined): void {
  for (const upstream of [config?.['Defaults'] as Raw | undefined, ...listOf(config?.['Overrides'])]) {
    if (upstream === undefined) continue;
    for (const field of ['Peer', 'Namespace', 'Partition']) if (upstream[field] === '') delete upstream[field];
    const health = upstream['PassiveHealthCheck'] as Raw | undefined;
    for (const field of ['Interval', 'BaseEjectionTime']) spellDuration(health, field);
  }
}

function tidyExtensions(extensions: Raw[]): void {
  for (const extension of extensions)
    for (const field of ['ConsulVersion', 'EnvoyVersion']) if (extension[field] === '') delete extension[field];
}

function tidyCookies(balancer: Raw | undefined): void {
  for (const policy of listOf(balancer?.['HashPolicies']))
    spellDuration(policy['CookieConfig'] as Raw | undefined, 'TTL');
}

function tidyRules(rules: Raw[]): void {
  for (const { Filters } of rules) {
    const limits = (Filters as Raw | undefined)?.['TimeoutFilter'] as Raw | undefined;
    for (const field of ['RequestTimeout', 'IdleTimeout']) spellDuration(limits, field);
    if (limits?.['IdleTimeout'] === '0s') delete limits['IdleTimeout'];
  }
}

function spellDuration(holder: Raw | undefined, field: string): void {
  if (holder !== undefined && typeof holder[field] === 'number') holder[field] = goDuration(holder[field] / 1e6);
}
