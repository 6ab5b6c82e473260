const refused = (what: string, selector: object, words: RegExp): [string, object, RegExp] => [
  `a selector with ${what}`,
  { port: 8080, workloads: { pods: { selector } } },
  words,
];
const KEY = /a key of matchLabels is not one that a label can have/;
const VALUE = /should match '\^\(\[A-Za-z0-9\]/;
const VALUES = /In and NotIn need values, and Exists and DoesNotExist cannot have them/;

/** Selectors that Kubernetes refuses in its own kinds, and the words of the real API server about them in a MeshService. */
export const REFUSED_SELECTORS: [string, object, RegExp][] = [
  refused('a blank in a value', { matchLabels: { app: 'a b' } }, VALUE),
  refused('a list in a value', { matchLabels: { app: 'a,b=c' } }, VALUE),
  refused('brackets in a value', { matchLabels: { app: 'a),x in (b' } }, VALUE),
  refused('a slash in a value', { matchLabels: { app: 'a/b' } }, VALUE),
  refused('a value that ends in a dash', { matchLabels: { app: 'a-' } }, VALUE),
  refused('a value beyond ASCII', { matchLabels: { app: '\u00e9' } }, VALUE),
  refused('a blank in a key', { matchLabels: { 'a b': 'c' } }, KEY),
  refused('an empty key', { matchLabels: { '': 'c' } }, KEY),
  refused('two slashes in a key', { matchLabels: { 'a/b/c': 'd' } }, KEY),
  refused('a key under a host in capitals', { matchLabels: { 'Example.com/x': 'd' } }, KEY),
  refused('a key of 64 characters', { matchLabels: { ['k'.repeat(64)]: 'd' } }, KEY),
  refused('a key that ends a requirement', { matchLabels: { 'a,!b': 'd' } }, KEY),
  refused(
    '65 labels',
    { matchLabels: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${at}`, 'v'])) },
    /64/,
  ),
  refused('In and no values', { matchExpressions: [{ key: 'a', operator: 'In' }] }, VALUES),
  refused(
    'NotIn and no values, which would be every pod',
    { matchExpressions: [{ key: 'a', operator: 'NotIn', values: [] }] },
    VALUES,
  ),
  refused('Exists and values', { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }, VALUES),
  refused('a blank in a value of In', { matchExpressions: [{ key: 'a', operator: 'In', values: ['b c'] }] }, VALUE),
  refused(
    'a blank in a key of Exists',
    { matchExpressions: [{ key: 'a b', operator: 'Exists' }] },
    /matchExpressions\[0\].key.*should match/,
  ),
];

/** Selectors that Kubernetes takes. */
export const TAKEN_SELECTORS: object[] = [
  { matchLabels: { app: '' } },
  { matchLabels: { 'app.kubernetes.io/name': 'a_b.c-D' } },
  { matchLabels: { [`${'a'.repeat(63)}.example/${'K'.repeat(63)}`]: 'v'.repeat(63) } },
  { matchLabels: { '0': '1' } },
  { matchLabels: Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`k${at}`, 'v'])) },
  { matchExpressions: [{ key: 'a', operator: 'In', values: ['', 'b'] }] },
  { matchExpressions: [{ key: 'a/b', operator: 'NotIn', values: Array.from({ length: 64 }, (_, at) => `v${at}`) }] },
  {
    matchExpressions: [
      { key: 'a', operator: 'Exists' },
      { key: 'b', operator: 'DoesNotExist', values: [] },
    ],
  },
];
