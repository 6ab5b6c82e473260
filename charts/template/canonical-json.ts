/** Go escapes these in JSON, for pages that put it into a script. */
const ESCAPED = /[<>&\u2028\u2029]/g;
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** JSON to the letter as Helm's toJson and (with an indent of 2) toPrettyJson write it: keys sorted, < > & escaped. */
export const canonicalJson = (value: unknown, indent = 0): string =>
  JSON.stringify(sorted(value), null, indent).replace(ESCAPED, escaped);

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
