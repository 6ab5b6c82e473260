import type { ActualState, CatalogState } from './entry.ts';

/**
 * Every field that `wanted` has, `held` has with the same value; lists have the same length. What `held` has besides does not
 * count, but for a field that is wanted undefined: that one is empty.
 */
export function covers(held: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return isEmpty(held);
  if (Array.isArray(wanted)) {
    return Array.isArray(held) && held.length === wanted.length && wanted.every((item, i) => covers(held[i], item));
  }
  if (typeof wanted !== 'object' || wanted === null) return held === wanted;
  if (typeof held !== 'object' || held === null) return false;
  return Object.entries(wanted).every(([field, value]) => covers((held as Record<string, unknown>)[field], value));
}

/** Consul gives fields that nobody wrote back in several ways. */
function isEmpty(held: unknown): boolean {
  if (Array.isArray(held)) return held.length === 0;
  if (typeof held === 'object' && held !== null) return Object.values(held).every(isEmpty);
  return held === undefined || held === null || held === 0 || held === '' || held === false;
}

/**
 * The held state, in which an entry that covers a wanted one stands for it. For kinds to which Consul's controllers write themselves, as the status of an http-route: a comparison of all fields would never come to rest.
 */
export function coveredBy(actual: ActualState, desired: CatalogState): ActualState {
  const config = Object.entries(actual.config).map(([key, held]) => {
    const wanted = desired.config[key];
    return [key, wanted !== undefined && covers(held.entry, wanted) ? { ...held, entry: wanted } : held] as const;
  });
  return { ...actual, config: Object.fromEntries(config) };
}
