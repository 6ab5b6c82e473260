import { consulName } from '../crds/mesh-service.ts';
import type { Intent } from '../mesh/desired.ts';
import { splitKey } from '../clients/kube/object.ts';

/**
 * Names in Consul under which entries of a MeshService may be, besides the names in the object itself. A walk may have
 * written under a name, and the operator ended before the status said so. The key is `namespace/name`.
 */
export interface KnownNames {
  /**
   * The intent with every name that is known. Without an intent, one that asks for nothing when entries of the key were
   * found in Consul: they are left over, and their MeshService is gone.
   */
  complete(key: string, intent: Intent | undefined): Intent | undefined;
  /** Consul holds entries with the mark of this key, under these names. */
  found(key: string, services: Iterable<string>): void;
  /** A walk came to its end under this name alone, so nothing is left under others. */
  settled(key: string, service: string): void;
  /** Nothing of the key is left. */
  forget(key: string): void;
  /** Entries of the key were found, and not all of them are known to be in order. */
  hasFound(key: string): boolean;
}

export function knownNames(cluster: string, exists: (key: string) => boolean): KnownNames {
  const names = new Map<string, Set<string>>();
  const inConsul = new Set<string>();
  const of = (key: string): Set<string> => {
    const known = names.get(key) ?? new Set();
    names.set(key, known);
    return known;
  };
  return {
    complete(key, intent) {
      if (intent === undefined) return exists(key) || !inConsul.has(key) ? undefined : leftOver(cluster, key, of(key));
      const now = intent.meshService === undefined ? [] : [consulName(intent.meshService)];
      const known = of(key);
      const unsaid = [...known].filter((name) => !now.includes(name) && !intent.formerServices.includes(name));
      for (const name of now) known.add(name);
      return unsaid.length === 0 ? intent : { ...intent, formerServices: [...intent.formerServices, ...unsaid] };
    },
    found(key, services) {
      inConsul.add(key);
      const known = of(key);
      for (const service of services) known.add(service);
    },
    settled(key, service) {
      inConsul.delete(key);
      names.set(key, new Set([service]));
    },
    forget(key) {
      inConsul.delete(key);
      names.delete(key);
    },
    hasFound: (key) => inConsul.has(key),
  };
}

function leftOver(cluster: string, key: string, names: Set<string>): Intent {
  const { namespace = '', name } = splitKey(key);
  return { cluster, namespace, name, meshService: undefined, pods: [], formerServices: [...names] };
}
