import type { Traffic } from '../../crds/traffic.ts';

/** The conditions for an instance to belong; all given ones have to hold. Keys are those of Service.Meta (mesh/service/instance.ts). */
export interface Criteria {
  platform?: 'pod' | 'vm' | 'external' | undefined;
  site?: string | undefined;
  zone?: string | undefined;
  version?: string | undefined;
}

const PLATFORMS: Record<string, Criteria> = {
  pods: { platform: 'pod' },
  vms: { platform: 'vm' },
  external: { platform: 'external' },
};

/** The subset of a reference in spec.traffic; undefined when it names a subset that is not declared. */
export function criteriaOf(reference: string, declared: Traffic['subsets'] = []): Criteria | undefined {
  const platform = PLATFORMS[reference];
  if (platform !== undefined) return platform;
  const colon = reference.indexOf(':');
  if (colon > 0) return { [reference.slice(0, colon)]: reference.slice(colon + 1) };
  const found = declared.find(({ name }) => name === reference);
  return found && { platform: found.platform, site: found.site, zone: found.zone, version: found.version };
}

/**
 * Name of the subset in Consul: at most 63 lower-case letters, digits and dashes. `site:rack-1` -> `site-rack-1`; names that Consul could not take, such as `version:v1.2`, are made fit and get a hash. Declared subsets keep their name,
 * and may not begin like the others (crds/traffic.ts).
 */
export function subsetName(reference: string): string {
  const plain = reference.replace(':', '-');
  if (plain.length <= 63 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(plain)) return plain;
  const fit = plain.toLowerCase().replace(/[^a-z0-9-]/g, '-');
  return `${fit.slice(0, 54)}-${hash(reference)}`;
}

/** The filter of a service-resolver subset (go-bexpr over catalog entries). */
export const subsetFilter = (criteria: Criteria): string =>
  (['platform', 'site', 'zone', 'version'] as const)
    .filter((key) => criteria[key] !== undefined)
    .map((key) => `Service.Meta.${key} == ${JSON.stringify(criteria[key])}`)
    .join(' and ');

/** Every subset that spec.traffic refers to, once. */
export function referencesOf(traffic: Traffic): string[] {
  const ends = (traffic.failover ?? []).flatMap(({ from, to }) => [
    ...(from === '*' ? [] : [from]),
    ...to.filter((destination) => serviceOf(destination) === undefined),
  ]);
  const others = [...(traffic.split ?? []), ...(traffic.routes ?? [])].flatMap(({ subset }) => subset ?? []);
  const declared = (traffic.subsets ?? []).map(({ name }) => name);
  return [...new Set([...declared, ...others, ...ends])].sort();
}

/** The service that a destination of `failover.to` names; undefined when it is a subset. */
export const serviceOf = (destination: string): string | undefined =>
  destination.startsWith('service:') ? destination.slice('service:'.length) : undefined;

/** Services, other than this one, that spec.traffic sends requests to. */
export function servicesOf(traffic: Traffic | undefined): string[] {
  const named = [...(traffic?.split ?? []), ...(traffic?.routes ?? [])].flatMap(({ service }) => service ?? []);
  const fallbacks = (traffic?.failover ?? []).flatMap(({ to }) => to.flatMap((each) => serviceOf(each) ?? []));
  return [...new Set([...named, ...fallbacks])].sort();
}

/** FNV-1a, 32 bits: tells names apart, keeps no secret. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0)!, 0x01000193) >>> 0;
  return value.toString(16).padStart(8, '0');
}
