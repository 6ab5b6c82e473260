/** Classes of bytes in an expression of RE2 over Latin-1: which bytes, and how many instructions they cost. */

/** One escape from its backslash on: a class, a number, a quotation, an assertion, or a character that stands for itself. */
export const ESCAPE =
  /^\\(?:Q[^]*?(?:\\E|$)|[pP](?:\{[^}]*\}|[A-Za-z])|x(?:\{[0-9A-Fa-f]{1,8}\}|[0-9A-Fa-f]{2})|[0-7]{1,3}|[dDwWsSCAbBzaftnrv]|[^A-Za-z0-9])/;

interface Found {
  /** Characters of the expression that it takes. */
  length: number;
  /** False: an escape that is one character, or no character at all. */
  isClass: boolean;
  /** By byte; undefined when it is a class of Unicode that JavaScript does not know: its size is guessed. */
  mask: boolean[] | undefined;
}

/** No category or script of Unicode has more ranges below 0x100. */
const MOST_RANGES = 18;

const bytes = (has: (byte: number) => boolean): boolean[] => Array.from({ length: 256 }, (_, byte) => has(byte));
const like = (expression: RegExp): boolean[] => bytes((byte) => expression.test(String.fromCharCode(byte)));
const not = (mask: boolean[] | undefined): boolean[] | undefined => mask?.map((has) => !has);

const LETTERS: Record<string, boolean[]> = {
  d: like(/[0-9]/),
  w: like(/[0-9A-Za-z_]/),
  s: like(/[\t\n\f\r ]/),
  C: bytes(() => true),
};
const POSIX: Record<string, boolean[]> = {
  alnum: like(/[0-9A-Za-z]/),
  alpha: like(/[A-Za-z]/),
  ascii: bytes((byte) => byte < 0x80),
  blank: like(/[\t ]/),
  cntrl: bytes((byte) => byte < 0x20 || byte === 0x7f),
  digit: LETTERS['d']!,
  graph: bytes((byte) => byte > 0x20 && byte < 0x7f),
  lower: like(/[a-z]/),
  print: bytes((byte) => byte >= 0x20 && byte < 0x7f),
  punct: like(/[!-/:-@[-`{-~]/),
  space: like(/[\t\n\v\f\r ]/),
  upper: like(/[A-Z]/),
  word: LETTERS['w']!,
  xdigit: like(/[0-9A-Fa-f]/),
};
/** The same letter in the other case. */
const pair = (byte: number): number => (/[A-Za-z]/.test(String.fromCharCode(byte)) ? byte ^ 0x20 : byte);
const CONTROLS: Record<string, number> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

/** The bytes of a category or a script. */
function ofUnicode(name: string): boolean[] | undefined {
  for (const property of [name, `Script=${name}`]) {
    try {
      return like(new RegExp(`\\p{${property}}`, 'u'));
    } catch {
      // JavaScript knows none of that name; re2js says whether RE2 does.
    }
  }
  return undefined;
}

/** The class or the escape at the beginning of `text`; a string says why it is wrong. `fold`: case makes no difference. */
export function classAt(text: string, fold = false): Found | string {
  if (text.startsWith('\\')) return escapeAt(text);
  let at = text[1] === '^' ? 2 : 1;
  const inverted = at === 2;
  const first = at;
  let mask: boolean[] | undefined = bytes(() => false);
  const add = (more: boolean[] | undefined): void => {
    mask = mask === undefined || more === undefined ? undefined : mask.map((has, byte) => has || more[byte]!);
  };
  while (at < text.length) {
    if (text[at] === ']' && at > first) {
      const both = fold ? mask?.map((has, byte) => has || mask![pair(byte)]!) : mask;
      return { length: at + 1, isClass: true, mask: inverted ? not(both) : both };
    }
    const named = /^\[:(\^?)([a-z]*):\]/.exec(text.slice(at));
    if (named !== null) {
      const found = POSIX[named[2]!];
      if (found === undefined) return `unknown class ${named[0]}`;
      add(named[1] === '^' ? not(found) : found);
      at += named[0].length;
      continue;
    }
    const low = elementAt(text, at);
    if (typeof low === 'string') return low;
    at += low.length;
    if (low.isClass || text[at] !== '-' || text[at + 1] === ']' || at + 1 >= text.length) {
      add(low.mask);
      continue;
    }
    const high = elementAt(text, at + 1);
    if (typeof high === 'string') return high;
    if (high.isClass) return `bad range in ${JSON.stringify(text.slice(0, at + 1 + high.length))}`;
    const [from, to] = [low.mask!.indexOf(true), high.mask!.indexOf(true)];
    if (from > to) return `bad range in ${JSON.stringify(text.slice(0, at + 1 + high.length))}`;
    add(bytes((byte) => byte >= from && byte <= to));
    at += 1 + high.length;
  }
  return 'missing closing ]';
}

function elementAt(text: string, at: number): Found | string {
  if (text[at] !== '\\') return { length: 1, isClass: false, mask: bytes((byte) => byte === text.charCodeAt(at)) };
  const found = ESCAPE.exec(text.slice(at));
  if (found === null || /^\\[QAbBzC]/.test(found[0])) return `unknown escape ${text.slice(at, at + 2)} in a class`;
  return escapeAt(found[0]);
}

function escapeAt(text: string): Found | string {
  const { length } = text;
  const letter = text[1]!;
  const one = (byte: number): Found | string =>
    byte > 0xff
      ? `${text} names a character above 0xff, and Envoy compares bytes`
      : { length, isClass: false, mask: bytes((each) => each === byte) };
  if (letter === 'p' || letter === 'P') {
    const [, inverted, name] = /^\\[pP]\{?(\^?)([^}]*)/.exec(text)!;
    const mask = ofUnicode(name!);
    return { length, isClass: true, mask: (letter === 'P') === (inverted === '^') ? mask : not(mask) };
  }
  const lower = LETTERS[letter] ?? not(LETTERS[letter.toLowerCase()]);
  if (/[dDwWsSC]/.test(letter)) return { length, isClass: true, mask: lower };
  if (letter === 'x') return one(Number.parseInt(text.replace(/[\\x{}]/g, ''), 16));
  if (/[0-7]/.test(letter)) return one(Number.parseInt(text.slice(1), 8));
  return one(CONTROLS[letter] ?? letter.charCodeAt(0));
}

/** Instructions of a class in RE2: one a range, without upper case where the class has the same lower case. */
export function rangesOf(full: boolean[] | undefined): number {
  if (full === undefined) return MOST_RANGES;
  const folds = full.every((has, byte) => has === full[pair(byte)]!);
  let ranges = 0;
  for (let byte = 0; byte < 256; byte += 1) {
    if (!full[byte] || full[byte - 1] === true) continue;
    let end = byte;
    while (full[end + 1] === true) end += 1;
    if (!(folds && byte >= 0x41 && end <= 0x5a)) ranges += 1;
  }
  return Math.max(ranges, 1);
}
