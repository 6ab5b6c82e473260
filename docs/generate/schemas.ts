import { z } from 'zod';
import { definition } from '../../agent/instances/definitions.ts';
import { valuesSchema } from '../../charts/values/schema.ts';
import { API_VERSION, meshServiceSpec } from '../../crds/mesh-service.ts';

type Json = Record<string, unknown>;

/** The form for editors: yaml-language-server knows draft 7, and where a field is optional the user may leave it out. */
const forEditors = (type: z.ZodType): Json =>
  z.toJSONSchema(type, { io: 'input', target: 'draft-7', override: known }) as Json;

/** Kubernetes has an extension for a number or a text, and editors a list of types. The formats of zod are unknown to editors. */
function known({ jsonSchema }: { jsonSchema: Json }): void {
  if (jsonSchema.format === 'starts_with') delete jsonSchema.format;
  if (jsonSchema['x-kubernetes-int-or-string'] !== true) return;
  delete jsonSchema['x-kubernetes-int-or-string'];
  if (jsonSchema.anyOf === undefined) jsonSchema.type = ['integer', 'string'];
}

const documentOf = (title: string, schema: Json): string =>
  `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', title, ...without$schema(schema) }, undefined, 2)}\n`;

const without$schema = ({ $schema: _, ...schema }: Json): Json => schema;

/** docs/schemas/mesh-service.json: a manifest of a MeshService. */
export const meshServiceSchema = (): string =>
  documentOf('MeshService of Landbridge', {
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    properties: {
      apiVersion: { const: API_VERSION },
      kind: { const: 'MeshService' },
      metadata: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string' }, namespace: { type: 'string' } },
      },
      spec: without$schema(forEditors(meshServiceSpec)),
      status: { type: 'object' },
    },
    additionalProperties: false,
  });

/** docs/schemas/values.json: a file of values, which names only what it changes. */
export const valuesFileSchema = (): string => documentOf('Values of Landbridge', forEditors(valuesSchema));

/** docs/schemas/service.json: a file of services.d on a machine. */
export const definitionSchema = (): string =>
  documentOf('A service of this machine, in services.d of the Landbridge agent', forEditors(definition));
