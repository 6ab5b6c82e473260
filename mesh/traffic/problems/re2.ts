import { RE2JS } from 're2js';

/**
 * Our own bound on an expression, in tokens once its repetitions are written out. Envoy's bound on the size of a program
 * (100 by default) is lifted in each bootstrap, as Consul's own tools do; this one bounds the work of whoever judges, and is
 * far below the memory that RE2 takes for one expression. [a-z]{1,1000} has 1000.
 */
export const MAX_STEPS = 10_000;
const MAX_LENGTH = 512;

/**
 * Why Envoy would refuse a regular expression: half a sentence that goes on after the expression; undefined when Envoy
 * takes it. Envoy reads expressions with RE2 as bytes (Latin-1), so no character above 0xff can be named.
 * https://github.com/google/re2/wiki/Syntax
 */
export function re2Problem(text: string): string | undefined {
  if (text.length > MAX_LENGTH) return `has more than ${MAX_LENGTH} characters: make it shorter`;
  if (/[^\x20-\x7e]/.test(text))
    return 'has a character that is not printable ASCII, and Envoy compares bytes: in a path write the percent escape that callers send, such as %C3%A9';
  // Without escapes such as \\, whose second character begins nothing.
  const bare = text.replaceAll(/\\[^0-9k]/g, '');
  if (/\(\?(?:=|!|<=|<!|P=|P>)|\\[1-9](?![0-7])|\\k/.test(bare))
    return 'looks ahead, behind or back, which RE2 cannot: write it without';
  const steps = re2Steps(text);
  if (steps > MAX_STEPS)
    return `repeats so much that it has ${steps} steps, and ${MAX_STEPS} are the most: use * or + in place of long repetitions`;
  const why = parserSays(text);
  return why === undefined ? undefined : `is none for RE2 (${why}): mend it`;
}

function parserSays(text: string): string | undefined {
  try {
    RE2JS.compile(
      tokensOf(text)
        .map(({ source }) => source)
        .join(''),
    );
    return undefined;
  } catch (error) {
    return (error as Error).message.replace(/^error parsing regexp: /, '');
  }
}

/** How many tokens there are once repetitions are written out. Linear in the length of the text. */
export function re2Steps(text: string): number {
  const groups = [0];
  let last = 0;
  for (const { source, times } of tokensOf(text)) {
    if (source === '(') {
      groups.push(0);
      continue;
    }
    const inner = source === ')' && groups.length > 1 ? groups.pop()! : 0;
    const more = times === undefined ? Math.max(inner, 1) : last * (times - 1);
    groups[groups.length - 1]! += more;
    last = times === undefined ? more : Math.max(last * times, 1);
  }
  return groups.reduce((sum, each) => sum + each, 0);
}

interface Token {
  /** As re2js reads it. */
  source: string;
  /** {2,5}: 5. */
  times?: number;
}

/**
 * The pieces in which RE2 over bytes and re2js may differ, and a class as one piece.
 *
 * | piece             | in Envoy                 | given to re2js                       |
 * |-------------------|--------------------------|--------------------------------------|
 * | \C                | any byte                 | (?s:.)                               |
 * | \x{100}, \777     | refused                  | \x{110000}, refused                  |
 * | (?P<n> (?<n>      | one name twice is taken  | ( without the name                   |
 */
const PIECE =
  /\\Q[^]*?(?:\\E|$)|\\x\{[^}]*\}|\\[0-7]{1,3}|\\[^]|\[\^?\]?(?:\[:\^?[a-z]*:\]|\\[^]|[^\]])*\]?|\(\?P?<[A-Za-z_][A-Za-z0-9_]*>|\{\d{1,6}(?:,\d{0,6})?\}|[^]/g;
const NOT_A_CHARACTER = '\\x{110000}';

const tokensOf = (text: string): Token[] => (text.match(PIECE) ?? []).map(tokenOf);

function tokenOf(piece: string): Token {
  const repetition = /^\{(\d+)(?:,(\d*))?\}$/.exec(piece);
  if (repetition !== null) {
    const [, least = '', most = ''] = repetition;
    return { source: piece, times: Math.max(Number(least), Number(most)) };
  }
  if (piece === '\\C') return { source: '(?s:.)' };
  if (/^\(\?P?<./.test(piece)) return { source: '(' };
  return { source: above0xff(piece) ? NOT_A_CHARACTER : piece };
}

/** Also within a class. */
const above0xff = (piece: string): boolean =>
  [...piece.matchAll(/\\x\{([0-9A-Fa-f]+)\}|\\([0-7]{3})|\\[^]/g)].some(
    ([, hex, octal]) =>
      (hex !== undefined && Number.parseInt(hex, 16) > 0xff) ||
      (octal !== undefined && Number.parseInt(octal, 8) > 0xff),
  );
