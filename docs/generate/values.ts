import { z } from 'zod';
import { withoutDefault } from '../../charts/template/values-tree.ts';
import { valuesSchema } from '../../charts/values/schema.ts';

/** docs/values.md: every key of a values file. */
export function valuesPage(): string {
  const rows = keys(valuesSchema, valuesSchema.parse({}), '').map((cells) => `| ${cells.join(' | ')} |`);
  return `# Values

Made by \`npm run generate\` from charts/values/schema.ts: ${rows.length} keys, the same for Helm (\`helm install -f values.yaml\`) and for
\`landbridge manifests -f values.yaml\`. Unknown keys are refused. A file names only what it changes.

| key | default | what it is for |
|---|---|---|
${rows.join('\n')}
`;
}

function keys(schema: z.ZodType, defaults: unknown, path: string): string[][] {
  const shape = (withoutDefault(schema) as z.ZodObject).shape as Record<string, z.ZodType>;
  return Object.entries(shape).flatMap(([key, below]) => {
    const full = path === '' ? key : `${path}.${key}`;
    const value = (defaults as Record<string, unknown>)[key];
    if (withoutDefault(below) instanceof z.ZodObject) return keys(below, value, full);
    const inner = withoutDefault(below);
    const choices = inner instanceof z.ZodEnum ? ` One of ${inner.options.join(', ')}.` : '';
    const words = `${below.description ?? ''}${choices}`.replaceAll('|', '\\|');
    return [[`\`${full}\``, `\`${JSON.stringify(value)}\``, words]];
  });
}
