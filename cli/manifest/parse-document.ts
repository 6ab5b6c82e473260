import {
  COLLECTION_STYLE,
  EVENT_ID,
  type Event,
  SCALAR_STYLE,
  type ScalarEvent,
  YAMLException,
  getScalarValue,
} from 'js-yaml';
import { lenientEvents } from './lenient-events.ts';
import { type Scalar, resolveScalar } from './resolve-scalar.ts';

export type Value = Scalar | Value[] | { [key: string]: Value };

/** A place in the text of a document with the value that kubectl reads there. Offsets are zero-based, `end` is exclusive. */
export interface Node {
  kind: 'scalar' | 'list' | 'map' | 'alias';
  value: Value;
  /** In brackets or braces, or a JSON document. */
  flow: boolean;
  /** The first character of the content, after anchor and tag; where nothing is written (`key:`), `end` too is undefined. */
  start: number | undefined;
  /** After the last character of the content, closing brackets and quotes included. */
  end: number | undefined;
  /** `|` and `>`: the content ends with the line. */
  block: boolean;
  items: Node[];
  entries: { key: string; keyNode: Node; value: Node }[];
}

/** Beyond this many values, repetitions by aliases included, a document is refused, as kubectl does. */
const MOST_VALUES = 1_000_000;

/** The first YAML document of a text, read as kubectl reads it; undefined when the text holds none. Throws a YAMLException. */
export function parseDocument(text: string): Node | undefined {
  const events = lenientEvents(text);
  if (events[0] === undefined || events[1] === undefined || events[1].type === EVENT_ID.POP) return undefined;
  return treeOf(text, events);
}

function treeOf(text: string, events: Event[]): Node {
  const anchors = new Map<string, { node: Node; size: number }>();
  let at = 1;
  let values = 0;

  function next(): Node {
    const event = events[at++]!;
    const before = values;
    if (++values > MOST_VALUES) fail(0, 'the document repeats its aliases too often');
    if (event.type === EVENT_ID.ALIAS) {
      const found = anchors.get(text.slice(event.anchorStart, event.anchorEnd));
      if (found === undefined) return fail(event.anchorStart, 'there is no anchor of this name before it');
      values += found.size;
      return { ...found.node, kind: 'alias', start: event.anchorStart - 1, end: event.anchorEnd };
    }
    if (event.type !== EVENT_ID.SCALAR && event.type !== EVENT_ID.SEQUENCE && event.type !== EVENT_ID.MAPPING)
      return fail(0, 'the document ends too early');
    const node = event.type === EVENT_ID.SCALAR ? scalarNode(event) : collection(event);
    if (event.anchorStart >= 0)
      anchors.set(text.slice(event.anchorStart, event.anchorEnd), { node, size: values - before });
    return node;
  }

  function collection(event: Extract<Event, { start: number }>): Node {
    const flow = event.style === COLLECTION_STYLE.FLOW;
    const kind = event.type === EVENT_ID.SEQUENCE ? ('list' as const) : ('map' as const);
    const node: Node = {
      ...{ kind, flow, block: false, start: event.start, end: undefined },
      ...{ value: null, items: [], entries: [] },
    };
    while (events[at]!.type !== EVENT_ID.POP) {
      if (kind === 'list') node.items.push(next());
      else {
        const keyNode = next();
        const value = next();
        node.entries.push({ key: keyOf(keyNode), keyNode, value });
      }
    }
    at++;
    node.value = kind === 'list' ? node.items.map(({ value }) => value) : mapOf(node);
    node.end = endOf(node);
    return node;
  }

  /** Pairs in their order: a later pair wins over an earlier pair or merge. */
  function mapOf(node: Node): Value {
    const map = new Map<string, Value>();
    for (const { key, keyNode, value } of node.entries) {
      if (!isMerge(keyNode)) {
        map.set(key, value.value);
        continue;
      }
      const sources = Array.isArray(value.value) ? [...value.value].reverse() : [value.value];
      for (const source of sources) {
        if (source === null || typeof source !== 'object' || Array.isArray(source))
          return fail(keyNode.start ?? 0, 'a merge (<<) takes a mapping, or a list of mappings');
        for (const [name, merged] of Object.entries(source)) {
          map.set(name, merged);
          if (++values > MOST_VALUES) fail(0, 'the document repeats its aliases too often');
        }
      }
    }
    return Object.fromEntries(map);
  }

  /** "<<" as a plain word. */
  const isMerge = ({ kind, start, end }: Node): boolean =>
    kind === 'scalar' && start !== undefined && text.slice(start, end) === '<<';

  function keyOf({ value, start }: Node): string {
    if (value === null || typeof value === 'object') return fail(start ?? 0, 'a key must be a word');
    return String(value);
  }

  function scalarNode(event: ScalarEvent): Node {
    const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    const block = event.style === SCALAR_STYLE.LITERAL_BLOCK || event.style === SCALAR_STYLE.FOLDED_BLOCK;
    const tag = event.tagStart < 0 ? '' : text.slice(event.tagStart, event.tagEnd);
    const source = getScalarValue(text, event);
    return {
      kind: 'scalar',
      value: tagged(tag, event.style === SCALAR_STYLE.PLAIN, source, event.valueStart),
      flow: false,
      start: event.valueStart < 0 ? undefined : event.valueStart - (quoted ? 1 : 0),
      end: event.valueStart < 0 ? undefined : event.valueEnd + (quoted ? 1 : 0),
      ...{ block, items: [], entries: [] },
    };
  }

  function tagged(tag: string, plain: boolean, source: string, at: number): Value {
    const name = tag.replace(/^!<tag:yaml\.org,2002:(.*)>$/, '!!$1');
    if (name === '!!binary') return Buffer.from(source, 'base64').toString('utf8');
    if (name === '!!str' || (name === '' && !plain) || (name !== '' && !/^!!(int|float|bool|null)$/.test(name)))
      return source;
    const value = resolveScalar(source);
    if (typeof value === 'number' && !Number.isFinite(value)) return fail(at, `${source} is no number that JSON has`);
    const is = typeof value === 'bigint' ? 'int' : value === null ? 'null' : typeof value;
    const fits =
      name === '' ||
      (name === '!!int' ? Number.isInteger(value) || is === 'int' : name === '!!bool' ? is === 'boolean' : true) ||
      (name === '!!float' && is !== 'string');
    return fits ? value : fail(at, `"${source}" is not of the type ${name}`);
  }

  function endOf(node: Node): number | undefined {
    const last = node.kind === 'list' ? node.items.at(-1) : node.entries.at(-1)?.value;
    if (!node.flow) return last?.end;
    let end = last?.end ?? node.entries.at(-1)?.keyNode.end ?? node.start! + 1;
    // Between the last item and the bracket: spaces, a comma, comments.
    for (;;) {
      if (text[end] === '#') while (end < text.length && text[end] !== '\n') end++;
      if (text[end] === ']' || text[end] === '}' || end >= text.length) return end + 1;
      end++;
    }
  }

  const fail = (position: number, message: string): never =>
    YAMLException.throwAt(text, Math.max(0, position), message);
  return next();
}
