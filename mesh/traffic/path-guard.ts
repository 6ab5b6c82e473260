const PARTS = [
  String.raw`[/\\][.]+([^a-z0-9_~.-].*)?`,
  String.raw`\\.*`,
  '%(25)*(2[ef]|5c|[01]|7f|c[01]|e0%[89]|f0%8|e2%80%a[45]|ef%(b8%b0|b9%(92|a8)|bc%(8[ef]|bc))).*',
  '%(25)+[0-9a-f]?%(25)*(3[0-9]|[46][1-6]).*',
  '%([^0-9a-f].*|.[^0-9a-f].*|.?)',
];

/**
 * Paths that an app may read as another one than the proxy that compared them. A sidecar resolves plain dot segments before
 * it compares (Consul sets normalize_path there); the two gateways resolve nothing, and no proxy here looks through escapes.
 * Apps do: Tomcat cuts ";x" off a segment and resolves what is left, nginx and WSGI decode %2f, IIS takes %5c for a slash,
 * and what decodes twice reads %252e. So for callers whose access names paths such requests are refused, not read.
 * The expressions mean the same in RE2 and in JavaScript, and are within the 100 instructions that Envoy takes by default.
 *
 * | part           | refuses                                                                                       |
 * |----------------|-----------------------------------------------------------------------------------------------|
 * | dot segment    | a segment of dots alone, also when ";", "%" or another mark follows the dots                   |
 * | backslash      | a separator for IIS, .NET and Envoy's own normalisation                                        |
 * | escape         | "." "/" "\" and control characters, escaped once or more; their overlong and compatible forms  |
 * | escaped escape | a hexadecimal digit that is escaped itself behind an escaped percent sign, as in %25%32e       |
 * | broken escape  | "%" without two hexadecimal digits, such as %u002e                                             |
 */
export const MISLEADING_PATH = `(?is).*(${PARTS.join('|')})`;

/**
 * More paths that no expression meets: "/admin;x.css" is /admin for Tomcat and ends in .css all the same. Escaped "?",
 * "#" and ";" are of that kind, and so are letters and digits that were escaped for no reason: "/%61dmin" is /admin.
 */
export const MISLEADING_EXPRESSIONS = '(?is).*(;|%(25)*(3[0-9bf]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae]|2[3d])).*';

/** Any path, also the * of OPTIONS. */
export const ANY_PATH = '.*';

/** The same for JavaScript, which tries each place by itself: linear, as no part begins with a star. */
const misleading = new RegExp(`(?:${PARTS.join('|')})$`, 'is');
const ESCAPED_FOR_NO_REASON = /%(3[0-9]|4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]|2d|5f|7e)/i;

/** Why no request can meet a path or prefix of an access rule; undefined when one can. */
export function neverMet(path: string, isPrefix: boolean): string | undefined {
  if (misleading.test(isPrefix ? `${path}a` : path))
    return 'has a dot segment, a backslash, a broken escape or an escaped ".", "/", "\\" or control character, and requests with such paths are refused wherever access names paths: name the service without a path, or methods or headers only';
  if (ESCAPED_FOR_NO_REASON.test(path))
    return 'escapes a letter, a digit or one of - . _ ~, which sidecars write plainly before they compare: write the character itself';
  return undefined;
}
