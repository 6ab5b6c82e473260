/** Keys that wait, each once: namespaces take turns, so that one with thousands of keys holds no other up. */
export interface Turns {
  add(key: string): void;
  /** The key whose turn it is; undefined: none waits. */
  take(): string | undefined;
  clear(): void;
  readonly size: number;
}

/** The part of a key before its first slash is its namespace. */
export function createTurns(): Turns {
  const waiting = new Map<string, Set<string>>();
  let size = 0;
  return {
    add(key) {
      const namespace = key.split('/', 1)[0]!;
      const keys = waiting.get(namespace) ?? new Set();
      waiting.set(namespace, keys);
      size -= keys.size;
      keys.add(key);
      size += keys.size;
    },
    take() {
      for (const [namespace, keys] of waiting) {
        // A Map keeps the order in which its keys came: this namespace goes to the end.
        waiting.delete(namespace);
        for (const key of keys) {
          keys.delete(key);
          size -= 1;
          if (keys.size > 0) waiting.set(namespace, keys);
          return key;
        }
      }
      return undefined;
    },
    clear() {
      waiting.clear();
      size = 0;
    },
    get size() {
      return size;
    },
  };
}
