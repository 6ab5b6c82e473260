import type { ObjectMeta as KnownMeta } from '../../crds/kubernetes.ts';

/** The fields of ObjectMeta that this project reads or writes; the rest of the JSON is kept as it came. */
export interface ObjectMeta extends KnownMeta {
  [field: string]: unknown;
}

/**
 * Any object as the API server sent it. Raw JSON on purpose: a field this program does not know survives being read
 * and patched. Items of a list of a built-in kind carry no `apiVersion` and no `kind`; items of a watch and objects
 * of a custom resource do.
 */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** `namespace/name`, or `name` for an object without a namespace: the key of queues and caches. */
export function keyOf(object: { metadata: Pick<ObjectMeta, 'name' | 'namespace'> }): string {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : name;
}

/** The reverse of {@link keyOf}. */
export function splitKey(key: string): { namespace?: string; name: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
