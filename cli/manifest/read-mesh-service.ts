import { z } from 'zod';
import type { ObjectMeta } from '../../crds/kubernetes.ts';
import { API_VERSION, GROUP, type MeshService, meshServiceSpec, parseMeshService } from '../../crds/mesh-service.ts';
import { didYouMean } from '../../mesh/names/near-name.ts';
import { type Found, type KubeValue, isObject } from './read-manifests.ts';

/** Kuma has a MeshService too. One whose apiVersion names no group is ours and misspelt. */
export const isMeshService = ({ kind, object }: Found): boolean =>
  kind === 'MeshService' && [GROUP, ''].includes(groupOf(object['apiVersion']));

const groupOf = (apiVersion: unknown): string => {
  const [group, version] = String(apiVersion ?? '').split('/');
  return version === undefined ? '' : group!;
};

/** A MeshService of a file, or one sentence for each thing that its schema does not take. */
export function readMeshService({ object, where }: Found): { meshService: MeshService } | { problems: string[] } {
  const { metadata, spec, apiVersion } = object as KubeValue & { apiVersion: string };
  const name = isObject(metadata) ? metadata['name'] : undefined;
  if (typeof name !== 'string' || name === '') return { problems: [`${where}: this MeshService has no metadata.name`] };
  const who = `${where}: MeshService ${name}`;
  if (apiVersion !== API_VERSION) return { problems: [`${who}: its apiVersion is ${apiVersion}; give ${API_VERSION}`] };
  try {
    return { meshService: parseMeshService({ metadata: metadata as unknown as ObjectMeta, spec: spec ?? {} }) };
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    return { problems: error.issues.flatMap((issue) => sentencesOf(issue, spec)).map((each) => `${who}: ${each}`) };
  }
}

function sentencesOf(issue: z.core.$ZodIssue, spec: unknown): string[] {
  const path = ['spec', ...issue.path].map(String).join('.');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `unknown field "${path}.${key}"${didYouMean(key, fieldsAt(issue.path))}`);
  if (issue.code === 'invalid_type' && valueAt(spec, issue.path) === undefined) return [`${path} is missing`];
  return [`${path}: ${issue.message}`];
}

const valueAt = (value: unknown, path: PropertyKey[]): unknown =>
  path.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown> | undefined)?.[step], value);

/** Names of the fields that the schema has at a path. */
export function fieldsAt(path: PropertyKey[]): string[] {
  let schema: unknown = meshServiceSpec;
  for (const step of path) {
    const inner = unwrapped(schema);
    schema =
      inner instanceof z.ZodObject
        ? (inner.shape as Record<PropertyKey, unknown>)[step]
        : inner instanceof z.ZodArray
          ? inner.element
          : undefined;
  }
  const inner = unwrapped(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function unwrapped(schema: unknown): unknown {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault)
    inner = inner.unwrap();
  return inner;
}
