import { type MeshServiceStatus, consulName } from '../../crds/mesh-service.ts';
import type { Intent } from '../../mesh/service/desired.ts';
import { splitKey } from '../../clients/kube/object.ts';

/**
 * Names in Consul under which entries of a MeshService may be, besides the names in the object itself. A walk may have
 * written under a name, and the operator ended before the status said so. The key is `namespace/name`.
 */
export interface KnownNames {
  /**
   * The intent with every name that is known. Without an intent, one that asks for nothing while names are known: entries
   * are left over of a MeshService that is gone, since somebody took its finalizer off or it went before this process began.
   */
  complete(key: string, intent: Intent | undefined): Intent | undefined;
  /** Consul holds entries with the mark of this key, under these names. */
  found(key: string, services: Iterable<string>): void;
  /** A walk ends with this status. Once all is written under the name that the MeshService has, nothing is left under others. */
  learn(key: string, service: string, status: MeshServiceStatus): void;
  /** Nothing of the key is left. */
  forget(key: string): void;
  /** Entries of the key may be in Consul. */
  hasAny(key: string): boolean;
}

export function knownNames(cluster: string, exists: (key: string) => boolean): KnownNames {
  const names = new Map<string, Set<string>>();
  const of = (key: string): Set<string> => {
    const known = names.get(key) ?? new Set();
    names.set(key, known);
    return known;
  };
  return {
    complete(key, intent) {
      if (intent === undefined) {
        const left = exists(key) ? undefined : names.get(key);
        return left && leftOver(cluster, key, left);
      }
      const now = intent.meshService === undefined ? [] : [consulName(intent.meshService)];
      // The mirror may show one that leaves for a moment after nothing of it is left.
      const known = intent.meshService === undefined ? (names.get(key) ?? new Set()) : of(key);
      const unsaid = [...known].filter((name) => !now.includes(name) && !intent.formerServices.includes(name));
      for (const name of [...now, ...intent.formerServices]) known.add(name);
      return unsaid.length === 0 ? intent : { ...intent, formerServices: [...intent.formerServices, ...unsaid] };
    },
    found(key, services) {
      const known = of(key);
      for (const service of services) known.add(service);
    },
    learn(key, service, { consul, conditions = [] }) {
      const isWritten = conditions.some(({ type, status }) => type === 'Synced' && status === 'True');
      if (isWritten && consul?.service === service) names.set(key, new Set([service]));
    },
    forget: (key) => void names.delete(key),
    hasAny: (key) => names.has(key),
  };
}

function leftOver(cluster: string, key: string, names: Set<string>): Intent {
  const { namespace = '', name } = splitKey(key);
  return { cluster, namespace, name, meshService: undefined, pods: [], formerServices: [...names] };
}
