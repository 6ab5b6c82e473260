import { keyOf, type KubeObject } from '../../../clients/kube/object.ts';
import { expired } from './failure.ts';
import type { Served } from './resources.ts';

/** One write, as watches replay it. `previous` is what was there before, for selectors that an object leaves or enters. */
export interface Write {
  version: number;
  storage: string;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: KubeObject;
  previous?: KubeObject;
}

/** Objects with one version counter for all, as etcd has it, and a history that can be compacted. Objects are never changed in place. */
export interface FakeStore {
  readonly version: number;
  get(served: Served, key: string): KubeObject | undefined;
  all(served: Served): KubeObject[];
  /** Stores `object` under a new version; gives it back with that version. */
  put(served: Served, object: KubeObject): KubeObject;
  remove(served: Served, object: KubeObject): KubeObject;
  /** The writes after `version`, oldest first. Throws `Expired` when they are no longer known. */
  since(version: number): Write[];
  /** Forgets all history. */
  compact(): void;
  /** Calls `listener` after every write, until the function it gives is called. */
  subscribe(listener: (write: Write) => void): () => void;
}

const historyLimit = 20_000;

export function createFakeStore(): FakeStore {
  const objects = new Map<string, Map<string, KubeObject>>();
  const listeners = new Set<(write: Write) => void>();
  let history: Write[] = [];
  let version = 100;
  let compacted = version;

  function bucket(served: Served): Map<string, KubeObject> {
    const name = storageOf(served);
    if (!objects.has(name)) objects.set(name, new Map());
    return objects.get(name)!;
  }

  function commit(served: Served, type: Write['type'], object: KubeObject, previous?: KubeObject): KubeObject {
    version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    const write: Write = { version, storage: storageOf(served), type, object: stored, previous };
    history.push(write);
    if (history.length > historyLimit) {
      history = history.slice(historyLimit / 2);
      compacted = history[0]!.version - 1;
    }
    if (type === 'DELETED') bucket(served).delete(keyOf(object));
    else bucket(served).set(keyOf(object), stored);
    for (const listener of [...listeners]) listener(write);
    return stored;
  }

  return {
    get version() {
      return version;
    },
    get: (served, key) => bucket(served).get(key),
    all: (served) => [...bucket(served).values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
    put(served, object) {
      const previous = bucket(served).get(keyOf(object));
      return commit(served, previous ? 'MODIFIED' : 'ADDED', object, previous);
    },
    remove: (served, object) => commit(served, 'DELETED', object, bucket(served).get(keyOf(object))),
    since(from) {
      if (from < compacted) throw expired(`too old resource version: ${from} (${compacted})`);
      return history.filter((write) => write.version > from);
    },
    compact() {
      history = [];
      compacted = version;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** All versions of a custom resource share their objects. */
export function storageOf(served: Served): string {
  return `${served.plural}.${served.group}`;
}
