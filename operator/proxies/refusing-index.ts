import type { Proxy } from './proxy.ts';

/** Proxies that refuse something, found by whom they may concern: one MeshService asks for a few of many. */
export interface RefusingIndex<T> {
  has(key: string): boolean;
  put(record: T): void;
  delete(key: string): void;
  /** The proxies of a MeshService, the callers of its service, and the gateways, which may call any. Each once. */
  about(scope: string, service: string): T[];
}

const ANY = 'any';
const ofScope = (scope: string): string => `of ${scope}`;
const callersOf = (service: string): string => `callers of ${service}`;

export function refusingIndex<T extends { proxy: Proxy }>(): RefusingIndex<T> {
  /** Groups, and in each the records by the key of their proxy. */
  const groups = new Map<string, Map<string, T>>();
  const groupsOf = new Map<string, string[]>();

  function remove(key: string): void {
    for (const name of groupsOf.get(key) ?? []) {
      const group = groups.get(name);
      group?.delete(key);
      if (group?.size === 0) groups.delete(name);
    }
    groupsOf.delete(key);
  }

  return {
    has: (key) => groupsOf.has(key),
    put(record) {
      const { key, scope, calls } = record.proxy;
      const names = [ofScope(scope), ...(calls === undefined ? [ANY] : calls.map(callersOf))];
      // The order stays where nothing changed: another order is another answer.
      if (groupsOf.get(key)?.join('\n') !== names.join('\n')) remove(key);
      groupsOf.set(key, names);
      for (const name of names) {
        const group = groups.get(name) ?? new Map<string, T>();
        groups.set(name, group.set(key, record));
      }
    },
    delete: remove,
    about: (scope, service) => [
      ...new Set([ofScope(scope), callersOf(service), ANY].flatMap((name) => [...(groups.get(name)?.values() ?? [])])),
    ],
  };
}
