import { dump } from 'js-yaml';
import { z } from 'zod';
import { withoutDefault } from '../template/values-tree.ts';
import { valuesSchema } from '../values/schema.ts';

const HEAD = `# Every value of the chart, with its default. A values file needs to name only what it changes.
# Made from charts/values/schema.ts by \`npm run build:chart\`.
`;

/** values.yaml: each key with what it is for above it. */
export const valuesYaml = (): string => `${HEAD}\n${mapText(valuesSchema, valuesSchema.parse({}), '')}`;

function mapText(schema: z.ZodType, defaults: object, indent: string): string {
  const shape = (withoutDefault(schema) as z.ZodObject).shape as Record<string, z.ZodType>;
  return Object.entries(shape)
    .map(([key, below]) => {
      const value = (defaults as Record<string, unknown>)[key];
      const comment = comments(below).map((line) => `${indent}# ${line}\n`);
      if (withoutDefault(below) instanceof z.ZodObject) {
        return `${comment.join('')}${indent}${key}:\n${mapText(below, value as object, `${indent}  `)}`;
      }
      return `${comment.join('')}${indent}${key}: ${dump(value, { flowLevel: 0 }).trim()}\n`;
    })
    .join(indent === '' ? '\n' : '');
}

/** The purpose of the value, and its choices. */
function comments(schema: z.ZodType): string[] {
  const inner = withoutDefault(schema);
  const choices = inner instanceof z.ZodEnum ? inner.options : [];
  const words = [schema.description ?? '', choices.length > 0 ? `One of ${choices.join(', ')}.` : ''];
  const text = words.filter((word) => word !== '').join(' ');
  return text === '' ? [] : wrapped(text, 100);
}

function wrapped(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last !== '' && last.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
