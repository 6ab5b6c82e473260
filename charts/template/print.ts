import { every, Expression, given, type Node, not, some } from './expression.ts';
import { type Define, goExpression } from './go-expression.ts';
import type { Recorded } from './target.ts';
import { unwrapped, wireKey } from './wire.ts';

/**
 * Helm's template of an object: YAML whose lines are conditional where a `when` stands. Every scalar is printed as JSON,
 * which YAML reads alike whatever characters it has.
 */
export function printTemplate({ object, id: name, condition, repeat }: Recorded): string {
  const blocks: string[] = [];
  const define: Define = (structure) => {
    const block = `landbridge.${name}.${blocks.length + 1}`;
    // Reserved before it is printed, because its content may define blocks too.
    const at = blocks.push('') - 1;
    blocks[at] = [`{{- define "${block}" }}`, ...mapLines(structure as object, define), '{{- end }}'].join('\n');
    return block;
  };
  const lines = mapLines(object, define);
  const all = repeat === undefined ? lines : repeated(goExpression(repeat.list, define), repeat.variable, lines);
  const body = condition === undefined ? all : conditional(goExpression(condition, define), all);
  return `${[...blocks, ...body].join('\n')}\n`;
}

type Lines = string[];

const indented = (lines: Lines): Lines => lines.map((line) => `  ${line}`);

/** Control lines take the line break before them away; none but the lines kept are left. */
const conditional = (condition: string, then: Lines, otherwise: Lines = []): Lines => [
  `{{- if ${condition} }}`,
  ...then,
  ...(otherwise.length > 0 ? ['{{- else }}', ...otherwise] : []),
  '{{- end }}',
];

/** One document each. */
const repeated = (list: string, variable: string, lines: Lines): Lines => [
  `{{- range $${variable} := ${list} }}`,
  '---',
  ...lines,
  '{{- end }}',
];

/** A scalar as JSON, in which Helm finds nothing of its own language. */
const scalar = (value: unknown): string => JSON.stringify(value).replaceAll('{{', '{{ "{{" }}');

const mapLines = (map: object, define: Define): Lines =>
  Object.entries(map)
    .filter(([, value]) => value !== undefined)
    .flatMap(([key, value]) => entryLines(keyOf(key), value, define));

const keyOf = (key: string): string => (/^[A-Za-z][A-Za-z0-9]*$/.test(key) ? wireKey(key) : JSON.stringify(key));

function entryLines(key: string, raw: unknown, define: Define): Lines {
  const value = unwrapped(raw);
  if (value instanceof Expression) return expressionEntry(key, value, define);
  if (value === null || typeof value !== 'object') return [`${key}: ${scalar(value)}`];
  const empty = Array.isArray(value) ? '[]' : '{}';
  const inner = Array.isArray(value)
    ? value.flatMap((item: unknown) => itemLines(item, define))
    : mapLines(value, define);
  if (inner.length === 0) return [`${key}: ${empty}`];
  const present = presence(value);
  const full = [`${key}:`, ...indented(inner)];
  return present === true ? full : conditional(goExpression(present, define), full, [`${key}: ${empty}`]);
}

function expressionEntry(key: string, expression: Expression<unknown>, define: Define): Lines {
  const { node } = expression;
  if (node.op === 'when') {
    const otherwise = node.otherwise === undefined ? [] : entryLines(key, node.otherwise, define);
    return conditional(goExpression(node.condition, define), entryLines(key, node.then, define), otherwise);
  }
  if (node.op === 'merged') {
    return mergedEntry(key, node, define);
  }
  return [`${key}: {{ toJson ${goExpression(expression, define)} }}`];
}

function mergedEntry(key: string, { base, more }: Extract<Node, { op: 'merged' }>, define: Define): Lines {
  const theirs = goExpression(more, define);
  // A key written twice would be no YAML: theirs counts.
  const own = Object.entries(base).flatMap(([name, value]) =>
    conditional(`(not (hasKey ${theirs} ${JSON.stringify(name)}))`, entryLines(keyOf(name), value, define)),
  );
  const range = [`{{- range $key, $value := ${theirs} }}`, '{{ toJson $key }}: {{ toJson $value }}', '{{- end }}'];
  const full = [`${key}:`, ...indented([...own, ...range])];
  const present = presence(base);
  if (present === true) return full;
  return conditional(goExpression(some(present, given(more)), define), full, [`${key}: {}`]);
}

function itemLines(raw: unknown, define: Define): Lines {
  const item = unwrapped(raw);
  if (item instanceof Expression) {
    const { node } = item;
    if (node.op === 'when') {
      const otherwise = node.otherwise === undefined ? [] : itemLines(node.otherwise, define);
      return conditional(goExpression(node.condition, define), itemLines(node.then, define), otherwise);
    }
    if (node.op === 'each') {
      const range = `{{- range $${node.variable} := ${goExpression(node.list, define)} }}`;
      return [range, ...itemLines(node.item, define), '{{- end }}'];
    }
    return [`- {{ toJson ${goExpression(item, define)} }}`];
  }
  if (item === null || typeof item !== 'object') return [`- ${scalar(item)}`];
  const [first = '{}', ...rest] = mapLines(item, define);
  // A key that is not always there cannot share the line of the dash.
  return first.startsWith('{{-') ? ['-', ...indented([first, ...rest])] : [`- ${first}`, ...indented(rest)];
}

/** When a list or a map has anything in it; true for always. */
function presence(value: object): true | Expression<boolean> {
  const conditions: Expression<boolean>[] = [];
  for (const inner of Object.values(value).filter((one: unknown) => one !== undefined)) {
    const condition = inner instanceof Expression ? presenceOf(inner) : true;
    if (condition === true) return true;
    conditions.push(condition);
  }
  return some(...conditions);
}

function presenceOf({ node }: Expression<unknown>): true | Expression<boolean> {
  if (node.op === 'each') return given(node.list);
  if (node.op !== 'when') return true;
  const then = node.then instanceof Expression ? presenceOf(node.then) : true;
  const met = then === true ? node.condition : every(node.condition, then);
  if (node.otherwise === undefined) return met;
  const otherwise = node.otherwise instanceof Expression ? presenceOf(node.otherwise) : true;
  if (then === true && otherwise === true) return true;
  return otherwise === true ? some(met, not(node.condition)) : some(met, every(not(node.condition), otherwise));
}
