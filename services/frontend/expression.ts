/**
 * Whole-number expressions of + and -, read left to right into a program for a stack machine:
 *
 *   expression = term { ("+" | "-") term }
 *   term       = number | "-" term | "(" expression ")"
 *
 *   "9-(2+3)"  ->  9  2  3  +  -
 *
 * A program is flat, so however long the expression, running it needs no recursion.
 */
export type Step =
  | { readonly push: number }
  /** `position` is that of the operator in the text, for an error that only shows when the numbers are known. */
  | { readonly apply: Operator; readonly position: number };

export type Operator = '+' | '-';

interface Problem {
  readonly error: string;
  /** Index in the text, from 0; the text's length when something is missing at its end. */
  readonly position: number;
}

export type Parsed = { readonly program: readonly Step[] } | Problem;

/** Parentheses and signs within each other; a bound on the parser's recursion. */
export const maxDepth = 100;

/** Never throws: an error in the text comes back as a problem. */
export function parseExpression(text: string): Parsed {
  const state: State = { text, at: 0, program: [] };
  const problem = expression(state, 0);
  if (problem) return problem;
  if (state.at < text.length) return unexpected(state, 'an operator');
  return { program: state.program };
}

interface State {
  readonly text: string;
  at: number;
  readonly program: Step[];
}

function expression(state: State, depth: number): Problem | undefined {
  let problem = term(state, depth);
  while (!problem) {
    const operator = state.text[state.at];
    if (operator !== '+' && operator !== '-') return undefined;
    const position = state.at;
    advance(state, 1);
    problem = term(state, depth);
    if (!problem) state.program.push({ apply: operator, position });
  }
  return problem;
}

function term(state: State, depth: number): Problem | undefined {
  skipSpace(state);
  const position = state.at;
  if (depth > maxDepth) return { error: `nested deeper than ${maxDepth} levels`, position };
  const number = numberAt(state);
  if (number !== undefined) return literal(state, number);
  switch (state.text[position]) {
    case '-':
      return negation(state, position, depth);
    case '(':
      return group(state, position, depth);
    default:
      return unexpected(state, 'a number, "-" or "("');
  }
}

function numberAt(state: State): string | undefined {
  const number = /-?\s*[0-9]+/y;
  number.lastIndex = state.at;
  return number.exec(state.text)?.[0];
}

function literal(state: State, text: string): Problem | undefined {
  const value = Number(text.replace(/\s/g, ''));
  if (!Number.isSafeInteger(value)) {
    return {
      error: `a number must be from -${Number.MAX_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}`,
      position: state.at,
    };
  }
  // -0 would print as 0 but not equal it.
  state.program.push({ push: value === 0 ? 0 : value });
  advance(state, text.length);
  return undefined;
}

/** No service negates, so -(x) is 0 - (x). */
function negation(state: State, position: number, depth: number): Problem | undefined {
  state.program.push({ push: 0 });
  advance(state, 1);
  const problem = term(state, depth + 1);
  if (!problem) state.program.push({ apply: '-', position });
  return problem;
}

function group(state: State, position: number, depth: number): Problem | undefined {
  advance(state, 1);
  const problem = expression(state, depth + 1);
  if (problem) return problem;
  if (state.text[state.at] === ')') {
    advance(state, 1);
    return undefined;
  }
  if (state.at < state.text.length) return unexpected(state, 'an operator or ")"');
  return { error: 'this "(" is never closed', position };
}

function unexpected(state: State, wanted: string): Problem {
  const found = state.text.slice(state.at).match(/^./su)?.[0];
  return { error: describe(found, wanted), position: state.at };
}

function describe(found: string | undefined, wanted: string): string {
  if (found === undefined) return `${wanted} is missing at the end`;
  if (found === '*' || found === '/')
    return `"${found}" is not served: there is add-svc for + and sub-svc for -, no other operator`;
  if (found === '.' || found === ',') return `${JSON.stringify(found)} is not allowed: numbers are whole`;
  return `expected ${wanted}, found ${JSON.stringify(found)}`;
}

function advance(state: State, characters: number): void {
  state.at += characters;
  skipSpace(state);
}

function skipSpace(state: State): void {
  while (/\s/.test(state.text[state.at] ?? '')) state.at += 1;
}
