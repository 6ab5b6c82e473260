import { equal } from '../../mesh/equal.ts';
import { dumpYaml } from './dump-yaml.ts';
import { type Node, type Value, parseDocument } from './parse-document.ts';

interface Edit {
  at: number;
  end: number;
  text: string;
}

/** Adding and replacing text cannot make this change. */
class CannotEdit extends Error {}

/**
 * Changes the text of a document so that it says `after`. Values that do not change are kept character by character, with
 * comments, quotes and the spelling of numbers. The result is parsed and compared with `after`; where they differ (for example when
 * an anchor is used elsewhere), the whole document is printed from `after` instead.
 */
export function editedText(text: string, root: Node, after: Value, json: boolean): string {
  try {
    const edited = applied(text, changes(root, after, { text, json, eol: text.includes('\r\n') ? '\r\n' : '\n' }));
    if (equal(parseDocument(edited)?.value, after)) return edited;
  } catch (error) {
    if (!(error instanceof CannotEdit) && (error as Error).name !== 'YAMLException') throw error;
  }
  if (json) return jsonText(after, 2);
  const content = root.entries[0]?.keyNode.start ?? 0;
  // Comments above the first key stay.
  return (root.flow || columnOf(text, content) > 0 ? '' : text.slice(0, content)) + dumpYaml(after);
}

interface Context {
  text: string;
  json: boolean;
  eol: string;
}

function applied(text: string, edits: Edit[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const edit of [...edits].sort((a, b) => a.at - b.at)) {
    if (edit.at < at) throw new CannotEdit();
    parts.push(text.slice(at, edit.at), edit.text);
    at = edit.end;
  }
  return [...parts, text.slice(at)].join('');
}

function changes(node: Node, after: Value, context: Context): Edit[] {
  if (equal(node.value, after)) return [];
  // The alias gets a content of its own; the other places of its anchor stay as they are.
  if (node.kind === 'alias') return [{ at: node.start!, end: node.end!, text: flowText(after, context) }];
  if (node.kind === 'map' && isMap(after)) return mapChanges(node, after, context);
  if (node.kind === 'list' && Array.isArray(after)) return listChanges(node, after, context);
  throw new CannotEdit();
}

const isMap = (value: Value | undefined): value is { [key: string]: Value } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function mapChanges(node: Node, after: { [key: string]: Value }, context: Context): Edit[] {
  const before = node.value as { [key: string]: Value };
  if (Object.keys(before).some((key) => after[key] === undefined)) throw new CannotEdit();
  const added = Object.entries(after).filter(([key, value]) => value !== undefined && before[key] === undefined);
  const edits = Object.entries(after).flatMap(([key, value]) => {
    if (before[key] === undefined || equal(before[key], value)) return [];
    const entry = node.entries.findLast((one) => one.key === key);
    if (entry === undefined) throw new CannotEdit();
    const nested = isMap(value) || Array.isArray(value);
    if (nested && isEmpty(entry.value.value)) return [filled(node, entry, value, context)];
    return changes(entry.value, value, context);
  });
  if (added.length === 0) return edits;
  return [...edits, node.flow ? intoFlow(node, added, context) : intoBlock(node, added, context)];
}

const isEmpty = (value: Value): boolean =>
  value === null || (typeof value === 'object' && Object.keys(value).length === 0);

/** `labels:`, `labels: null` and `labels: {}` get their first content. */
function filled(parent: Node, { keyNode, value }: Node['entries'][number], after: Value, context: Context): Edit {
  if (parent.flow || value.kind === 'alias') {
    if (value.start === undefined) throw new CannotEdit();
    return { at: value.start, end: value.end!, text: flowText(after, context) };
  }
  const column = columnOf(context.text, parent.entries[0]!.keyNode.start!);
  const at = value.start ?? afterColon(context.text, keyNode.end!);
  const lines = dumpYaml(after).trimEnd().split('\n');
  const text = lines.map((line) => `${context.eol}${' '.repeat(column + 2)}${line}`).join('');
  // The space before what was there would be left at the end of the line.
  let from = at;
  while (value.start !== undefined && /[ \t]/.test(context.text[from - 1] ?? '')) from--;
  return { at: from, end: value.end ?? at, text };
}

function afterColon(text: string, from: number): number {
  const colon = /^[ \t]*:/.exec(text.slice(from, from + 100));
  if (colon === null) throw new CannotEdit();
  return from + colon[0].length;
}

function intoFlow(node: Node, added: [string, Value][], context: Context): Edit {
  const inner = flowText(Object.fromEntries(added), context).slice(1, -1).trim();
  const last = node.entries.at(-1)?.value;
  if (last === undefined)
    return { at: node.start!, end: node.end!, text: flowText(Object.fromEntries(added), context) };
  if (last.end === undefined) throw new CannotEdit();
  return { at: last.end, end: last.end, text: `, ${inner}` };
}

function intoBlock(node: Node, added: [string, Value][], context: Context): Edit {
  const first = node.entries[0]!;
  const column = columnOf(context.text, first.keyNode.start!);
  return afterLine(node, dumpYaml(Object.fromEntries(added)), column, context);
}

/** Adds lines below the last line of a block, or above its first line where the end is unknown. */
function afterLine(node: Node, yaml: string, column: number, { text, eol }: Context): Edit {
  const indent = ' '.repeat(column);
  const lines = yaml.trimEnd().split('\n');
  const last = deepestLast(node);
  if (last?.block === true) {
    const at = last.end!;
    const missing = text[at - 1] === '\n' ? '' : eol;
    return { at, end: at, text: missing + lines.map((line) => `${indent}${line}${eol}`).join('') };
  }
  if (last?.end === undefined) {
    // `key:` without a value is the last line: the place above the block is sure.
    const at = node.kind === 'list' ? node.start! : node.entries[0]!.keyNode.start!;
    return {
      at,
      end: at,
      text: lines.map((line, index) => `${index === 0 ? '' : indent}${line}${eol}`).join('') + indent,
    };
  }
  const rest = /^[^\n]*/.exec(text.slice(last.end))![0].replace(/\r$/, '');
  if (!/^[ \t]*(#.*)?$/.test(rest)) throw new CannotEdit();
  const at = last.end + rest.length;
  return { at, end: at, text: lines.map((line) => `${eol}${line === '' ? '' : indent}${line}`).join('') };
}

/** The node to which the last line of a block belongs. */
function deepestLast(node: Node): Node | undefined {
  if (node.flow || node.kind === 'alias' || node.kind === 'scalar') return node;
  const last = node.kind === 'list' ? node.items.at(-1) : node.entries.at(-1)?.value;
  return last && deepestLast(last);
}

function listChanges(node: Node, after: Value[], context: Context): Edit[] {
  // Items of a List change where they are.
  if (after.length === node.items.length)
    return node.items.flatMap((item, index) => changes(item, after[index]!, context));
  const edits: Edit[] = [];
  let at = 0;
  let waiting: Value[] = [];
  for (const value of after) {
    const item = node.items[at];
    if (item === undefined || !isSame(item.value, value)) {
      waiting.push(value);
      continue;
    }
    if (waiting.length > 0) edits.push(beforeItem(node, item, waiting, context));
    waiting = [];
    edits.push(...changes(item, value, context));
    at++;
  }
  // An item that is not in `after`, or at another place, is not to be had by adding.
  if (at < node.items.length) throw new CannotEdit();
  if (waiting.length > 0) edits.push(atEnd(node, waiting, context));
  return edits;
}

/** Containers, volumes and variables are known by their name. */
const isSame = (before: Value, after: Value): boolean =>
  isMap(before) && isMap(after) && before['name'] !== undefined
    ? before['name'] === after['name']
    : equal(before, after);

function beforeItem(node: Node, item: Node, values: Value[], context: Context): Edit {
  if (item.start === undefined) throw new CannotEdit();
  if (node.flow) {
    const text = values.map((value) => `${flowText(value, context)}, `).join('');
    return { at: item.start, end: item.start, text };
  }
  const column = columnOf(context.text, node.start!);
  const at = item === node.items[0] ? node.start! : item.start - columnOf(context.text, item.start) + column;
  if (context.text[at] !== '-') throw new CannotEdit();
  const lines = dumpYaml(values).trimEnd().split('\n');
  return { at, end: at, text: lines.map((line) => `${line}${context.eol}${' '.repeat(column)}`).join('') };
}

function atEnd(node: Node, values: Value[], context: Context): Edit {
  if (!node.flow) return afterLine(node, dumpYaml(values), columnOf(context.text, node.start!), context);
  const last = node.items.at(-1);
  if (last === undefined) return { at: node.start!, end: node.end!, text: flowText(values, context) };
  if (last.end === undefined) throw new CannotEdit();
  return { at: last.end, end: last.end, text: values.map((value) => `, ${flowText(value, context)}`).join('') };
}

const flowText = (value: Value, { json }: Context): string =>
  json ? jsonText(value) : dumpYaml(value, true).trimEnd();

/** JSON with every digit of a big number. */
export function jsonText(value: Value, indent?: number): string {
  const numbers: string[] = [];
  const text = JSON.stringify(
    value,
    (_key, each: unknown) => (typeof each === 'bigint' ? `\u0000${numbers.push(each.toString()) - 1}\u0000` : each),
    indent,
  );
  return text.replace(/"\\u0000(\d+)\\u0000"/g, (_match, index: string) => numbers[Number(index)]!);
}

const columnOf = (text: string, offset: number): number => offset - (text.lastIndexOf('\n', offset - 1) + 1);
