import { Expression } from './expression.ts';

/** Gives a map a name under which `include` renders it. */
export type Define = (structure: unknown) => string;

/**
 * An expression in the language of Helm's templates, in parentheses where it is more than a path. Values start from `$`,
 * which is the root in every block. Throws for what only has a meaning as a key or an item: a mistake of the chart.
 */
export function goExpression(expression: Expression<unknown>, define: Define): string {
  const of = (inner: Expression<unknown>): string => goExpression(inner, define);
  const { node } = expression;
  switch (node.op) {
    case 'ref':
      return node.path[0]!.startsWith('one') ? `$${node.path.join('.')}` : `$.${node.path.join('.')}`;
    case 'text': {
      const parts = node.parts.filter((part) => part !== '');
      const format = parts.map((part) => (part instanceof Expression ? '%s' : part.replaceAll('%', '%%'))).join('');
      const inserted = parts.filter((part) => part instanceof Expression).map(of);
      return `(printf ${JSON.stringify(format)} ${inserted.join(' ')})`;
    }
    case 'decimal':
      // Printed plainly, a large number of a values file would read 1e+06.
      return `(toJson ${of(node.of)})`;
    case 'join':
      return `(join ${JSON.stringify(node.by)} ${of(node.list)})`;
    case 'times':
      return `(mul ${of(node.of)} ${node.by})`;
    case 'given':
      return `(not (empty ${of(node.of)}))`;
    case 'not':
      return `(not ${of(node.of)})`;
    case 'every':
      return `(and ${node.of.map(of).join(' ')})`;
    case 'some':
      return `(or ${node.of.map(of).join(' ')})`;
    case 'equal':
      // Numbers of a values file are floats: compared with an integer they would be an error.
      return `(eq (toJson ${of(node.left)}) ${
        node.right instanceof Expression ? `(toJson ${of(node.right)})` : JSON.stringify(JSON.stringify(node.right))
      })`;
    case 'moreThan':
      return `(gt (int ${of(node.left)}) ${node.right})`;
    case 'when':
      return `(ternary ${operand(node.then, define)} ${operand(node.otherwise, define)} ${of(node.condition)})`;
    case 'hash':
      return `(include ${JSON.stringify(define(node.of))} $ | fromYaml | toJson | sha256sum | trunc 10)`;
    case 'json':
      return `(include ${JSON.stringify(define(node.of))} $ | fromYaml | toPrettyJson)`;
    case 'each':
    case 'merged':
      throw new Error(`${node.op} stands for several entries and cannot be part of a text`);
  }
}

function operand(value: unknown, define: Define): string {
  if (value instanceof Expression) return goExpression(value, define);
  if (typeof value === 'object' || value === undefined) throw new Error('only texts and numbers can be part of a text');
  return JSON.stringify(value);
}
