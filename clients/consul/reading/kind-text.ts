/** All entries of one kind as Consul listed them: the text, and the part of it that each entry takes. */
export interface KindText {
  text: Buffer;
  names: string[];
  /** ModifyIndex of each. */
  indexes: number[];
  /** Where the text of each ends; undefined: the text is written in another way than Consul's, so no part of it is known. */
  ends: number[] | undefined;
  /** The place in these lists, by name. */
  places: ReadonlyMap<string, number>;
}

/** An answer, and its differences from the answer before. */
export interface KindRead extends KindText {
  /** Names that came, went or were changed. */
  changed: string[];
  /** Number of entries whose text was parsed: at most one for each entry that changed, came or went. */
  parsed: number;
}

interface Row {
  Name: string;
  ModifyIndex: number;
}

const [OPEN_LIST, CLOSE_LIST, COMMA, OPEN, CLOSE, QUOTE, BACKSLASH] = [...Buffer.from('[],{}"\\')] as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

/**
 * Reads a list of config entries. Consul answers with the whole kind although one entry changed, so the text of each entry is
 * compared with its text before, and only another text is parsed. Throws when the text is not a list of config entries.
 */
export function readKind(text: Buffer, before?: KindText): KindRead {
  if (before?.text.equals(text)) return { ...before, changed: [], parsed: 0 };
  const read = rowsIn(text, before) ?? parsedWhole(text);
  const { names, indexes, ends, fresh } = read;
  const stay = names.length === before?.names.length && fresh.every((place) => names[place] === before.names[place]);
  const places = stay ? before.places : new Map(names.map((name, place) => [name, place]));
  const changed: string[] = [];
  let known = read.reused;
  for (const place of fresh) {
    const was = before?.places.get(names[place]!);
    if (was !== undefined) known++;
    if (was === undefined || before!.indexes[was] !== indexes[place]) changed.push(names[place]!);
  }
  if (before !== undefined && known < before.names.length)
    for (const name of before.names) if (!places.has(name)) changed.push(name);
  return { text, names, indexes, ends, places, changed, parsed: fresh.length };
}

interface Rows {
  names: string[];
  indexes: number[];
  ends: number[] | undefined;
  /** Places of the entries that were parsed. */
  fresh: number[];
  /** Number of the others. */
  reused: number;
}

/** Undefined where it is not one list without spaces, as Consul writes it. */
function rowsIn(text: Buffer, before: KindText | undefined): Rows | undefined {
  const [names, indexes, ends, fresh]: [string[], number[], number[], number[]] = [[], [], [], []];
  const earlier = before?.ends;
  let next = 0;
  let reused = 0;
  if (text[0] !== OPEN_LIST) return undefined;
  for (let at = 1; text[1] !== CLOSE_LIST;) {
    const [from, to] = earlier === undefined ? [0, 0] : [next === 0 ? 1 : earlier[next - 1]! + 1, earlier[next] ?? 0];
    let end = at + to - from;
    if (to > 0 && end <= text.length && text.compare(before!.text, from, to, at, end) === 0) {
      names.push(before!.names[next]!);
      indexes.push(before!.indexes[next]!);
      next++;
      reused++;
    } else {
      end = endOfObject(text, at);
      if (end === 0) return undefined;
      const row = rowOf(JSON.parse(text.toString('utf8', at, end)));
      fresh.push(names.length);
      names.push(row.Name);
      indexes.push(row.ModifyIndex);
      next = (before?.places.get(row.Name) ?? next - 1) + 1;
    }
    ends.push(end);
    if (text[end] === CLOSE_LIST) break;
    if (text[end] !== COMMA) return undefined;
    at = end + 1;
  }
  return text.toString('utf8', (ends.at(-1) ?? 1) + 1).trim() === ''
    ? { names, indexes, ends, fresh, reused }
    : undefined;
}

/** The place after the brace that closes the object at `at`; 0: the text ends before it. */
function endOfObject(text: Buffer, at: number): number {
  if (text[at] !== OPEN) return 0;
  for (let depth = 0, i = at; i < text.length; i++) {
    const byte = text[i];
    if (byte === QUOTE) {
      for (i++; i < text.length && text[i] !== QUOTE; i++) if (text[i] === BACKSLASH) i++;
    } else if (byte === OPEN) depth++;
    else if (byte === CLOSE && --depth === 0) return i + 1;
  }
  return 0;
}

function parsedWhole(text: Buffer): Rows {
  const listed: unknown = JSON.parse(text.toString());
  // Consul may answer null for nothing.
  if (listed !== null && !Array.isArray(listed)) throw new TypeError('not a list of config entries');
  const rows = (listed ?? []).map(rowOf);
  return {
    names: rows.map(({ Name }) => Name),
    indexes: rows.map(({ ModifyIndex }) => ModifyIndex),
    ends: undefined,
    fresh: [...rows.keys()],
    reused: 0,
  };
}

function rowOf(entry: unknown): Row {
  const { Name, ModifyIndex } = (entry ?? {}) as Partial<Row>;
  if (typeof Name !== 'string' || typeof ModifyIndex !== 'number')
    throw new TypeError('a config entry without Name or ModifyIndex');
  return { Name, ModifyIndex };
}
