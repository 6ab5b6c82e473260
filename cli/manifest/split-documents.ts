import { type Node, parseDocument } from './parse-document.ts';

/** One document of a file, where it stands in the text. */
export interface Document {
  start: number;
  end: number;
  /** Number of its first line, from 1. */
  line: number;
  json: boolean;
  root: Node;
}

/** The text cannot be read; `line` counts from 1, in the whole text. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/**
 * The documents of a text as kubectl finds them: JSON objects one after the other, else YAML between lines that begin with
 * `---`. Documents that are empty or null are left out. Throws Unreadable.
 */
export function splitDocuments(text: string): Document[] {
  const documents: Document[] = [];
  const lineAt = lineCounter(text);
  const yamlFrom = jsonObjects(text, (start, end) =>
    documents.push({ start, end, line: lineAt(start), json: true, root: parsed(text, start, end, lineAt) as Node }),
  );
  for (const [start, end] of yamlParts(text, yamlFrom, lineAt)) {
    const root = parsed(text, start, end, lineAt);
    if (root !== undefined && root.value !== null)
      documents.push({ start, end, line: lineAt(firstLine(text, start)), json: false, root });
  }
  return documents;
}

/** Tells `found` of each object of a stream of JSON; gives where YAML begins. */
function jsonObjects(text: string, found: (start: number, end: number) => void): number {
  let at = 0;
  for (;;) {
    const start = after(/[\s\uFEFF]*/y, text, at);
    if (text[start] !== '{') return at;
    const end = endOfObject(text, start);
    if (end === undefined || !isJson(text.slice(start, end))) return at;
    found(start, end);
    at = end;
  }
}

/** Where the brace that is opened at `start` is closed, strings apart. */
function endOfObject(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '"') at = after(/"(?:[^"\\]|\\[^])*/y, text, at);
    else if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) return at + 1;
  }
  return undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function* yamlParts(text: string, from: number, lineAt: (at: number) => number): Generator<[number, number]> {
  let start = from;
  const separator = /^---([^\n]*)\n?/gm;
  separator.lastIndex = from;
  for (let match = separator.exec(text); match !== null; match = separator.exec(text)) {
    const rest = match[1]!.trim();
    if (rest !== '' && !rest.startsWith('#'))
      throw new Unreadable(
        `"--- ${rest}": kubectl wants nothing but a comment behind ---, so begin a new line there`,
        lineAt(match.index),
      );
    yield [start, match.index];
    start = separator.lastIndex;
  }
  yield [start, text.length];
}

function parsed(text: string, start: number, end: number, lineAt: (at: number) => number): Node | undefined {
  const part = text.slice(start, end);
  // The rest behind JSON objects; a byte order mark alone.
  if (part.replace(/^\uFEFF/, '').trim() === '') return undefined;
  try {
    return parseDocument(part);
  } catch (error) {
    const { reason, mark, message } = error as Error & { reason?: string; mark?: { position: number } };
    throw new Unreadable(reason ?? message, lineAt(start + (mark?.position ?? 0)));
  }
}

/** The first line that is neither empty nor a comment. */
const firstLine = (text: string, start: number): number => after(/(?:\uFEFF?[^\S\n]*(?:#[^\n]*)?\n)*/y, text, start);

function after(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(text)?.[0].length ?? 0);
}

/** Counts on from the place asked for last, so that asking in order costs the text once. */
function lineCounter(text: string): (at: number) => number {
  let [known, line] = [0, 1];
  return (at) => {
    if (at < known) [known, line] = [0, 1];
    for (; known < at; known++) if (text[known] === '\n') line++;
    return line;
  };
}
