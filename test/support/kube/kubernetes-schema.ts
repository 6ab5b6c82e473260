import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';

/** As much of OpenAPI as the API server's documents use. */
interface Schema {
  $ref?: string;
  allOf?: Schema[];
  oneOf?: Schema[];
  type?: string;
  format?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema;
  items?: Schema;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}

type Schemas = Record<string, Schema>;

/** The problems that an API server of this version, `1.29`, finds in an object: an unknown field, a missing one, one of another type. */
export async function kubernetesSchema(version: string): Promise<(object: KubeObject) => string[]> {
  const folder = await ensurePart(`kubernetes-schemas-${version}`, silent);
  const read = new Map<string, Schemas>();
  const schemasOf = (groupVersion: string): Schemas => {
    const path = groupVersion.includes('/') ? `apis/${groupVersion}` : `api/${groupVersion}`;
    const file = join(folder, `${path.replaceAll('/', '__')}_openapi.json`);
    if (!read.has(groupVersion)) {
      const { components } = existsSync(file)
        ? (JSON.parse(readFileSync(file, 'utf8')) as { components: { schemas: Schemas } })
        : { components: { schemas: {} } };
      read.set(groupVersion, components.schemas);
    }
    return read.get(groupVersion)!;
  };
  return (object) => {
    const { apiVersion = '', kind } = object;
    const [wanted = '', group = ''] = apiVersion.split('/').reverse();
    const schemas = schemasOf(apiVersion);
    const schema = Object.values(schemas).find((one) =>
      one['x-kubernetes-group-version-kind']?.some(
        (is) => is.kind === kind && is.version === wanted && is.group === group,
      ),
    );
    return schema === undefined ? [`${apiVersion} ${kind} is not served`] : problems(object, schema, schemas, '');
  };
}

function problems(value: unknown, schema: Schema, schemas: Schemas, at: string): string[] {
  if (schema.$ref !== undefined) {
    const found = schemas[schema.$ref.replace('#/components/schemas/', '')];
    if (found === undefined) throw new Error(`the document has no ${schema.$ref}`);
    return problems(value, found, schemas, at);
  }
  const every = (schema.allOf ?? []).flatMap((one) => problems(value, one, schemas, at));
  if (schema.oneOf !== undefined) {
    const each = schema.oneOf.map((one) => problems(value, one, schemas, at));
    return [...every, ...(each.some((one) => one.length === 0) ? [] : (each[0] ?? []))];
  }
  const own = ownProblems(value, schema, at);
  if (own.length > 0) return [...every, ...own];
  if (schema.type === 'array') {
    const items = value as unknown[];
    return [
      ...every,
      ...items.flatMap((item, index) => problems(item, schema.items ?? {}, schemas, `${at}[${index}]`)),
    ];
  }
  if (schema.properties === undefined && schema.additionalProperties === undefined) return every;
  const fields = value as Record<string, unknown>;
  const lacking = (schema.required ?? []).filter((name) => fields[name] === undefined);
  return [
    ...every,
    ...lacking.map((name) => `${at}.${name} lacks`),
    ...Object.entries(fields).flatMap(([name, inner]) => {
      const below = schema.properties?.[name] ?? schema.additionalProperties;
      return below === undefined ? [`${at}.${name} is not known`] : problems(inner, below, schemas, `${at}.${name}`);
    }),
  ];
}

const KINDS: Record<string, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: (value) => Number.isInteger(value),
  number: (value) => typeof value === 'number',
  array: Array.isArray,
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

function ownProblems(value: unknown, { type, format }: Schema, at: string): string[] {
  if (type === undefined) return [];
  const is = KINDS[type];
  if (is === undefined) throw new Error(`${at}: nothing is known of the type ${type}`);
  if (!is(value)) return [`${at} is no ${type}: ${JSON.stringify(value)}`];
  const small = format !== 'int32' || Math.abs(value as number) < 2 ** 31;
  return small ? [] : [`${at} is no int32: ${String(value)}`];
}
