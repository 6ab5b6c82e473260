import { RE2JS } from 're2js';
import { ESCAPE, classAt, rangesOf } from './re2-class.ts';

/**
 * Envoy's `re2.max_program_size.error_level`, whose default nobody changes here: a larger program is refused, and with it
 * the whole listener or route table. https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/type/matcher/v3/regex.proto
 */
export const MAX_PROGRAM = 100;
/** Instructions that RE2 has at least and re2js does not count. */
const OVERHEAD = 2;
/** Far past the bound, and still quick to compile. */
const MAX_UNROLLED = 2000;
/** Nothing longer can be within the bound, and nobody waits for a judge that reads a book. */
const MAX_LENGTH = 512;

/**
 * Why Envoy would refuse a regular expression: half a sentence that goes on after the expression; undefined when Envoy
 * takes it. Envoy reads expressions with RE2 as bytes (Latin-1), so no character above 0xff can be named.
 */
export function re2Problem(text: string): string | undefined {
  if (text.length > MAX_LENGTH) return `has more than ${MAX_LENGTH} characters: make it shorter`;
  if (/[^\x20-\x7e]/.test(text))
    return 'has a character that is not printable ASCII, and Envoy compares bytes: in a path write the percent escape that callers send, such as %C3%A9';
  // Without escapes such as \\, whose second character begins nothing.
  const bare = text.replaceAll(/\\[^0-9k]/g, '');
  if (/\(\?(?:=|!|<=|<!|P=|P>)|\\[1-9](?![0-7])|\\k/.test(bare))
    return 'looks ahead, behind or back, which RE2 cannot: write it without';
  const measured = measure(text);
  if (typeof measured === 'string') return `is none for RE2 (${measured}): mend it`;
  if (measured > MAX_PROGRAM)
    return `needs about ${measured} steps where Envoy allows ${MAX_PROGRAM}: use * or + in place of long repetitions such as {1,50}, or write two rules`;
  return undefined;
}

/** The size of RE2's program for it, or the words of the parser. */
function measure(text: string): number | string {
  const tokens = tokensOf(text);
  if (typeof tokens === 'string') return tokens;
  const most = unrolled(tokens);
  if (most > MAX_UNROLLED) return most;
  try {
    // Compiled twice: the first tells whether it is an expression at all, the second its size.
    RE2JS.compile(tokens.map(({ source }) => source).join(''));
    return RE2JS.compile(tokens.map(({ sized }) => sized).join('')).programSize() + OVERHEAD;
  } catch (error) {
    return (error as Error).message.replace(/^error parsing regexp: /, '');
  }
}

const REPETITION = /^\{(\d{1,6})(?:,(\d{0,6}))?\}/;
/** How a group with a name begins. */
const NAMED = /^\(\?P?<[A-Za-z_][A-Za-z0-9_]*>/;

interface Token {
  /** As re2js reads it. */
  source: string;
  /** An expression of the same size in RE2: a class of n ranges of bytes costs as much as n letters. */
  sized: string;
  /** {2,5}: 5. */
  times?: number;
}

/** How many tokens there are once repetitions are written out: it bounds the work of the compiler. */
function unrolled(tokens: Token[]): number {
  const groups = [0];
  let last = 0;
  for (const { source, times } of tokens) {
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

function tokensOf(text: string): Token[] | string {
  const fold = /\(\?[a-zA-Z]*i/.test(text);
  const tokens: Token[] = [];
  const sizedClass = (written: string): string => {
    const ranges = [false, fold].map((each) => {
      const found = classAt(written, each);
      return typeof found === 'string' ? 1 : rangesOf(found.mask);
    });
    return `(?:${'x'.repeat(Math.max(...ranges))})`;
  };
  for (let at = 0; at < text.length;) {
    if (text[at] === '\\') {
      const found = ESCAPE.exec(text.slice(at));
      if (found === null) return `trailing backslash or unknown escape at ${JSON.stringify(text.slice(at, at + 4))}`;
      const escape = classAt(found[0]);
      if (typeof escape === 'string') return escape;
      tokens.push({
        source: found[0] === '\\C' ? '(?s:.)' : found[0],
        sized: escape.isClass ? sizedClass(found[0]) : found[0],
      });
      at += found[0].length;
    } else if (text[at] === '[') {
      const found = classAt(text.slice(at));
      if (typeof found === 'string') return found;
      const source = text.slice(at, at + found.length);
      tokens.push({ source, sized: sizedClass(source) });
      at += found.length;
    } else if (text[at] === '.') {
      tokens.push({ source: '.', sized: '(?:xx)' });
      at += 1;
    } else if (REPETITION.test(text.slice(at, at + 20))) {
      const [source, least, most] = REPETITION.exec(text.slice(at, at + 20))!;
      tokens.push({ source, sized: source, times: Math.max(Number(least), Number(most || least)) });
      at += source.length;
    } else {
      // RE2 takes one name twice and re2js does not; a group costs the same without its name.
      const { length } = NAMED.exec(text.slice(at))?.[0] ?? text[at]!;
      tokens.push({ source: text[at]!, sized: text[at]! });
      at += length;
    }
  }
  return tokens;
}
