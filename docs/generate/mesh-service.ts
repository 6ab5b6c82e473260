import { meshServiceCrd } from '../../crds/custom-resource-definition.ts';
import { API_VERSION } from '../../crds/mesh-service.ts';
import { REASONS } from '../../crds/reasons.ts';

interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  pattern?: string;
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-validations'?: { message?: string }[];
}

/** docs/mesh-service.md: every field of the CRD, and what it refuses. */
export function meshServicePage(): string {
  const spec = (meshServiceCrd().spec.versions[0]!.schema.openAPIV3Schema as unknown as Schema).properties!.spec!;
  const rows = fields(spec, 'spec', false).map((cells) => `| ${cells.map(escaped).join(' | ')} |`);
  const rules = allRules(spec).map((message) => `- ${message}`);
  const reasons = Object.entries(REASONS).map(
    ([reason, sentence]) => `| [${reason}](troubleshooting.md#${reason.toLowerCase()}) | ${sentence} |`,
  );
  return `# MeshService

\`${API_VERSION}\`. Made by \`npm run generate\` from crds/mesh-service.ts; \`kubectl explain meshservice.spec\` says the same. A field in
**bold** has to be there, once what it is part of is.

| field | type | default | what it is for |
|---|---|---|---|
${rows.join('\n')}

## What the API server refuses besides

${rules.join('\n')}

## Reasons of its conditions

\`Ready\` is the condition to wait for: \`kubectl wait --for=condition=Ready meshservice/NAME\`.

| reason | what it means |
|---|---|
${reasons.join('\n')}
`;
}

function fields(schema: Schema, path: string, required: boolean): string[][] {
  const own = [required ? `**${path}**` : path, typeOf(schema), defaultOf(schema), schema.description ?? ''];
  const inner = schema.items ?? schema;
  const below = Object.entries(inner.properties ?? {}).flatMap(([key, one]) =>
    fields(one, `${path}${schema.items === undefined ? '' : '[]'}.${key}`, inner.required?.includes(key) ?? false),
  );
  return path === 'spec' ? below : [own, ...below];
}

function typeOf(schema: Schema): string {
  if (schema['x-kubernetes-int-or-string']) return 'number or text';
  if (schema.enum !== undefined) return schema.enum.map(String).join(', ');
  if (schema.type === 'array') return `list${limit(schema.maxItems, 'at most ')} of ${typeOf(schema.items ?? {})}`;
  if (schema.type === 'object') return typeof schema.additionalProperties === 'object' ? 'map' : 'object';
  if (schema.type === 'integer') return `number${range(schema)}`;
  if (schema.type === 'string') return `text${limit(schema.maxLength, 'at most ')}`;
  return schema.type ?? 'anything';
}

const limit = (value: number | undefined, words: string): string => (value === undefined ? '' : ` (${words}${value})`);
const range = ({ minimum, maximum }: Schema): string =>
  minimum === undefined && maximum === undefined ? '' : ` (${minimum ?? ''}-${maximum ?? ''})`;
const defaultOf = (schema: Schema): string => (schema.default === undefined ? '' : JSON.stringify(schema.default));

function allRules(schema: Schema): string[] {
  const own = (schema['x-kubernetes-validations'] ?? []).flatMap(({ message }) => message ?? []);
  const below = [...Object.values(schema.properties ?? {}), ...(schema.items === undefined ? [] : [schema.items])];
  return [...new Set([...own, ...below.flatMap(allRules)])];
}

const escaped = (cell: string): string => cell.replaceAll('|', '\\|').replaceAll('\n', ' ');
