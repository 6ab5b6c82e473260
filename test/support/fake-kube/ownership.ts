import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { Failure } from './failure.ts';

type Json = Record<string, unknown>;

/**
 * The owner of each field of one object: manager -> paths. Lists are taken whole, as `listType: atomic` is; the real server
 * merges lists that are maps or sets, so what leans on that belongs in a test against the real one.
 */
export type Owners = Map<string, Set<string>>;

const applied = (manager: string) => `${manager} (apply)`;
const unowned = new Set([
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
]);

/** After a create, update or patch: the fields that it changed are `manager`'s alone. */
export function noteWrite(owners: Owners, manager: string, before: KubeObject | undefined, after: KubeObject): void {
  const old = before ? leavesOf(before) : new Map<string, unknown>();
  const current = leavesOf(after);
  const changed = [...current.keys()].filter(
    (path) => !old.has(path) || !isDeepStrictEqual(old.get(path), current.get(path)),
  );
  for (const paths of owners.values()) {
    for (const path of paths) if (!current.has(path) || changed.includes(path)) paths.delete(path);
  }
  if (changed.length > 0) owners.set(manager, new Set([...(owners.get(manager) ?? []), ...changed]));
}

/** Server-side apply: the object that results. Throws `Conflict` when another manager set a field to something else. */
export function applyTo(
  owners: Owners,
  manager: string,
  current: KubeObject | undefined,
  wanted: KubeObject,
  force: boolean,
): KubeObject {
  const mine = applied(manager);
  const leaves = leavesOf(wanted);
  const present = current ? leavesOf(current) : new Map<string, unknown>();
  const disputed = [...owners].flatMap(([other, paths]) => {
    if (other === mine) return [];
    return [...paths]
      .filter((path) => leaves.has(path) && !isDeepStrictEqual(leaves.get(path), present.get(path)))
      .map((path) => ({ other, path }));
  });
  if (disputed.length > 0 && !force) throw applyConflict(disputed);
  for (const { other, path } of disputed) owners.get(other)?.delete(path);
  const dropped = [...(owners.get(mine) ?? [])].filter(
    (path) => !leaves.has(path) && ![...owners].some(([who, paths]) => who !== mine && paths.has(path)),
  );
  owners.set(mine, new Set(leaves.keys()));
  return dropped.reduce<Json>(
    (object, path) => without(object, JSON.parse(path) as string[]),
    merge(current ?? {}, wanted),
  ) as KubeObject;
}

function applyConflict(disputed: { other: string; path: string }[]): Failure {
  const causes = disputed.map(({ other, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with "${other}"`,
    field: `.${(JSON.parse(path) as string[]).join('.')}`,
  }));
  return new Failure(
    409,
    'Conflict',
    `Apply failed with ${causes.length} conflicts: ${causes[0]!.message}: ${causes[0]!.field}`,
    { causes },
  );
}

function leavesOf(object: KubeObject): Map<string, unknown> {
  const leaves = new Map<string, unknown>();
  walk(object, []);
  return leaves;

  function walk(value: unknown, path: string[]): void {
    if (path.length === 1 && (path[0] === 'apiVersion' || path[0] === 'kind')) return;
    if (path.length === 2 && path[0] === 'metadata' && unowned.has(path[1]!)) return;
    if (isMap(value) && Object.keys(value).length > 0) {
      for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key]);
    } else leaves.set(JSON.stringify(path), value);
  }
}

function merge(into: Json, from: Json): Json {
  const merged = { ...into };
  for (const [key, value] of Object.entries(from)) {
    const present = merged[key];
    merged[key] = isMap(value) && isMap(present) ? merge(present, value) : value;
  }
  return merged;
}

function without(object: Json, [key, ...rest]: string[]): Json {
  if (key === undefined || !(key in object)) return object;
  const { [key]: inner, ...others } = object;
  if (rest.length === 0 || !isMap(inner)) return others;
  const left = without(inner, rest);
  return Object.keys(left).length === 0 ? others : { ...object, [key]: left };
}

function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
