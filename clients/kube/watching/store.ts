/** The reading side of a store. Values are shared, not copied: treat them as read-only. */
export interface StoreReader<T, Index extends string = string> {
  readonly size: number;
  get(key: string): T | undefined;
  /** All values, in the order in which their keys first came. */
  list(): T[];
  keys(): string[];
  /** The values for which the index function named `index` gives `value`. */
  by(index: Index, value: string): T[];
}

export interface Store<T, Index extends string = string> extends StoreReader<T, Index> {
  /** Returns what was there before. */
  set(key: string, next: T): T | undefined;
  delete(key: string): T | undefined;
}

/** Each gives the values under which an object is found. Must be pure: it is asked again to take the object out. */
export type Indexes<T, Index extends string = string> = Record<Index, (value: T) => string[]>;

export function createStore<T, Index extends string = string>(indexes: Indexes<T, Index>): Store<T, Index> {
  const values = new Map<string, T>();
  const found = new Map<string, Map<string, Set<string>>>();
  const functions = Object.entries(indexes) as [Index, (value: T) => string[]][];
  for (const [index] of functions) found.set(index, new Map());

  function enter(key: string, value: T): void {
    for (const [index, valuesOf] of functions) {
      const byValue = found.get(index)!;
      for (const one of valuesOf(value)) {
        const keys = byValue.get(one);
        if (keys) keys.add(key);
        else byValue.set(one, new Set([key]));
      }
    }
  }

  function leave(key: string, value: T): void {
    for (const [index, valuesOf] of functions) {
      const byValue = found.get(index)!;
      for (const one of valuesOf(value)) {
        const keys = byValue.get(one);
        keys?.delete(key);
        if (keys?.size === 0) byValue.delete(one);
      }
    }
  }

  function remove(key: string): T | undefined {
    const previous = values.get(key);
    if (previous !== undefined) leave(key, previous);
    return previous;
  }

  return {
    get size() {
      return values.size;
    },
    get: (key) => values.get(key),
    list: () => [...values.values()],
    keys: () => [...values.keys()],
    by: (index, value) => [...(found.get(index)?.get(value) ?? [])].map((key) => values.get(key)!),
    set(key, next) {
      const previous = remove(key);
      values.set(key, next);
      enter(key, next);
      return previous;
    },
    delete(key) {
      const previous = remove(key);
      values.delete(key);
      return previous;
    },
  };
}
