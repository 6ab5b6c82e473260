import type { Clock } from '../../base/clock.ts';
import { CONFIG_KINDS, configKey } from '../../mesh/catalog/entry.ts';
import { isNews } from '../../mesh/foreign/news.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { EntryWatch } from './entry-watch.ts';

export interface EntryRepairOptions {
  entries: EntryWatch;
  /** The Consul node of a key, and the other way round. */
  nodeOf: (key: string) => string;
  keyOf: (node: string) => string;
  catalog: Pick<Catalog, 'memories' | 'about' | 'doubt' | 'doubtAll'>;
  /** See foreign-book.ts. */
  pauseMs: (key: string, entry: string) => number;
  walk: (key: string) => void;
  /** Compares everything with Consul. */
  survey: () => void;
  clock: Clock;
  signal: AbortSignal;
}

/** From the first kind that tells of an earlier state until the survey: the other kinds tell the same. */
const RESTORED_MS = 300;

/**
 * Asks for a walk where Consul tells of a config entry that is newer than what is remembered of it: somebody else has
 * changed it. Our own writes are remembered with their indexes, so they ask for none. Only the indexes of the names that
 * changed are compared; the walk reads these entries for itself, and decides.
 */
export function repairEntries(options: EntryRepairOptions): { walked(key: string): void } {
  const { entries, nodeOf, keyOf, catalog, pauseMs, walk, survey, clock, signal } = options;
  /** For each key, by entry, the index for which it has asked a walk: one answer of Consul asks once. */
  const asked = new Map<string, Map<string, number>>();
  /** For each key the time at which it is judged again. */
  const due = new Map<string, number>();
  let restoring = false;

  function* newsOf(key: string): Generator<{ entry: string; index: number }> {
    const memory = catalog.memories().get(nodeOf(key));
    if (memory === undefined) return;
    for (const kind of CONFIG_KINDS) {
      const seen = entries.seen(kind);
      if (seen === undefined) continue;
      for (const name of memory.services) {
        const entry = configKey({ Kind: kind, Name: name });
        const held = memory.actual.config[entry]?.modifyIndex;
        const index = seen.entries.get(name) ?? -seen.index;
        if (isNews({ held, removed: memory.removed?.get(entry) }, seen, name) && asked.get(key)?.get(entry) !== index)
          yield { entry, index };
      }
    }
  }

  function judge(key: string): void {
    const news = [...newsOf(key)];
    if (news.length === 0) return;
    const waitMs = Math.min(...news.map(({ entry }) => pauseMs(key, entry)));
    if (waitMs > 0) return later(key, waitMs);
    asked.set(key, new Map([...(asked.get(key) ?? []), ...news.map(({ entry, index }) => [entry, index] as const)]));
    catalog.doubt(
      nodeOf(key),
      news.map(({ entry }) => entry),
    );
    walk(key);
  }

  function later(key: string, waitMs: number): void {
    const atMs = clock.steady() + waitMs;
    if ((due.get(key) ?? Infinity) <= atMs) return;
    due.set(key, atMs);
    void clock.wait(waitMs, signal).then(() => {
      if (signal.aborted || due.get(key) !== atMs) return;
      due.delete(key);
      judge(key);
    });
  }

  async function surveyOnce(): Promise<void> {
    if (restoring) return;
    restoring = true;
    await clock.wait(RESTORED_MS, signal);
    restoring = false;
    if (signal.aborted) return;
    catalog.doubtAll();
    survey();
  }

  entries.follow(({ kind, changed, restored }) => {
    if (!(CONFIG_KINDS as readonly string[]).includes(kind)) return;
    if (restored) return void surveyOnce();
    for (const node of new Set(changed.flatMap((name) => catalog.about(name)))) judge(keyOf(node));
  });
  return {
    walked(key) {
      if (catalog.memories().get(nodeOf(key)) === undefined) asked.delete(key);
      else judge(key);
    },
  };
}
