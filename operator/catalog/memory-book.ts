import type { ActualState } from '../../mesh/catalog/entry.ts';

/** The memory of one node, and of the config entries of `services`. */
export interface Memory {
  /** Each once, sorted. */
  services: string[];
  actual: ActualState;
  /** ModifyIndex of config entries that this owner removed, by `Kind/Name`. Default: none. */
  removed?: ReadonlyMap<string, number>;
}

/** Memories by Consul node, which can also be found by the names in Consul that they are about. */
export interface MemoryBook {
  readonly all: ReadonlyMap<string, Memory>;
  set(node: string, memory: Memory): void;
  delete(node: string): void;
  clear(): void;
  /** Nodes whose memory is about a name. The cost does not grow with the number of memories. */
  about(service: string): string[];
}

export function memoryBook(): MemoryBook {
  const all = new Map<string, Memory>();
  const nodes = new Map<string, Set<string>>();

  function unlist(node: string): void {
    for (const service of all.get(node)?.services ?? []) {
      const its = nodes.get(service);
      its?.delete(node);
      if (its?.size === 0) nodes.delete(service);
    }
  }

  return {
    all,
    set(node, memory) {
      unlist(node);
      all.set(node, memory);
      for (const service of memory.services) {
        const its = nodes.get(service);
        if (its === undefined) nodes.set(service, new Set([node]));
        else its.add(node);
      }
    },
    delete(node) {
      unlist(node);
      all.delete(node);
    },
    clear() {
      all.clear();
      nodes.clear();
    },
    about: (service) => [...(nodes.get(service) ?? [])],
  };
}
