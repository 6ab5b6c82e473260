import type { KubeClient } from '../client.ts';
import type { KubeObject } from '../object.ts';
import { type ReflectOptions, type Reflector, reflect } from './reflect.ts';
import type { Resource } from '../resources.ts';

/**
 * As `reflect`, for the objects of some namespaces only: one list and watch each, which is all that a role in each of them
 * allows. No namespaces: all of the cluster, in one.
 */
export function reflectIn<T, O extends KubeObject = KubeObject, Index extends string = string>(
  namespaces: readonly string[],
  client: Pick<KubeClient, 'pages' | 'stream'>,
  resource: Resource,
  options: Omit<ReflectOptions<O, T, Index>, 'namespace'>,
): Reflector<T, Index> {
  if (namespaces.length === 0) return reflect<T, O, Index>(client, resource, options);
  const each = new Map(
    namespaces.map((namespace) => [namespace, reflect<T, O, Index>(client, resource, { ...options, namespace })]),
  );
  const all = [...each.values()];
  return {
    get size() {
      return all.reduce((sum, { size }) => sum + size, 0);
    },
    get: (key) => each.get(key.slice(0, key.indexOf('/')))?.get(key),
    list: () => all.flatMap((one) => one.list()),
    keys: () => all.flatMap((one) => one.keys()),
    by: (index, value) => all.flatMap((one) => one.by(index, value)),
    get hasSynced() {
      return all.every(({ hasSynced }) => hasSynced);
    },
    async synced() {
      await Promise.all(all.map((one) => one.synced()));
    },
    get lastError() {
      return all.map(({ lastError }) => lastError).find((error) => error !== undefined);
    },
    stopped: Promise.all(all.map(({ stopped }) => stopped)).then(() => undefined),
  };
}
