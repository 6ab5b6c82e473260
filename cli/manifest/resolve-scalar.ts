/** A value of a YAML scalar as JSON has it; `bigint` where a number of JavaScript would lose digits. */
export type Scalar = string | number | bigint | boolean | null;

const WORDS = new Map<string, Scalar>([
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['.nan', '.NaN', '.NAN'].map((word) => [word, NaN] as const),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((word) => [word, Infinity] as const),
  ...['-.inf', '-.Inf', '-.INF'].map((word) => [word, -Infinity] as const),
]);

const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

/**
 * Reads a plain scalar as kubectl and Helm do, by the rules of go-yaml 2 (`resolve.go`), on which sigs.k8s.io/yaml is built.
 * These are the rules of YAML 1.1 without times and without numbers to the base of 60: `0400` is 256, `yes` is true, `1_000` is 1000,
 * `2001-01-01` and `1:30` are strings. `0o17` is 15, as in YAML 1.2.
 */
export function resolveScalar(text: string): Scalar {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (text.startsWith('.')) return FLOAT.test(text) ? finite(text) : text;
  if (!/^[-+0-9]/.test(text)) return text;
  const plain = text.replaceAll('_', '');
  return integer(plain) ?? (FLOAT.test(plain) ? finite(plain, text) : text);
}

/** A number too big for a float is a string. */
function finite(plain: string, text = plain): Scalar {
  const value = Number(plain);
  return Number.isFinite(value) ? value : text;
}

const INTEGER = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const LEAST = -(2n ** 63n);
const MOST = 2n ** 64n - 1n;

/** Like Go's ParseInt and ParseUint with base 0; undefined for other texts and beyond 64 bits. */
function integer(plain: string): number | bigint | undefined {
  const [, sign, hex, binary, octal, decimal] = INTEGER.exec(plain) ?? [];
  const digits = hex ? `0x${hex}` : binary ? `0b${binary}` : octal ? `0o${octal}` : decimal;
  if (digits === undefined) return undefined;
  const value = sign === '-' ? -BigInt(digits) : BigInt(digits);
  // ParseUint takes no sign.
  if (value < LEAST || value > (sign === '' ? MOST : 2n ** 63n - 1n)) return undefined;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
