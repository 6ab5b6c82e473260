import type { Clock } from '../../base/clock.ts';
import { configKey } from '../../mesh/catalog/entry.ts';
import { type Contest, QUIET_MS, changedAgain, isContested, isOver, pauseMs } from '../../mesh/foreign/contest.ts';
import { type ForeignChange, TOLD_MS } from '../../mesh/foreign/verdict.ts';
import { writerOf } from '../../mesh/foreign/writer.ts';
import type { PutRight } from '../../mesh/catalog/plan.ts';

/** Recent changes by others, by `namespace/name` of the MeshService. */
export interface ForeignBook {
  /** A walk has put it right. `contested`: it goes on for some time; `begins`: that is new. */
  putRight(key: string, change: PutRight): { told: ForeignChange; contested: boolean; begins: boolean };
  /** From now until an entry (`Kind/Name`) may be put right again. */
  pauseMs(key: string, entry: string): number;
  seen(key: string): ForeignChange[];
  /** The MeshService is gone for good. */
  forget(key: string): void;
}

interface Page {
  contest: Contest;
  told: ForeignChange;
}

export function foreignBook(clock: Pick<Clock, 'now' | 'steady'>): ForeignBook {
  const pages = new Map<string, Map<string, Page>>();

  /** Drops the entries whose last change is too long ago. */
  function current(key: string): Map<string, Page> | undefined {
    const of = pages.get(key);
    for (const [entry, { contest }] of of ?? [])
      if (clock.steady() - contest.lastMs > Math.max(TOLD_MS, QUIET_MS)) of!.delete(entry);
    if (of?.size === 0) pages.delete(key);
    return pages.get(key);
  }

  return {
    putRight(key, { kind, name, found }) {
      const of = current(key) ?? new Map<string, Page>();
      pages.set(key, of);
      const entry = configKey({ Kind: kind, Name: name });
      const nowMs = clock.steady();
      const before = of.get(entry)?.contest;
      const contest = changedAgain(before, nowMs);
      const contested = isContested(contest, nowMs);
      const at = new Date(clock.now()).toISOString();
      const told = { entry: `${kind} ${name}`, writer: writerOf(kind, found), at, contested };
      of.set(entry, { contest, told });
      const begins = contested && !(before !== undefined && isContested(before, nowMs));
      return { told, contested, begins };
    },
    pauseMs: (key, entry) => pauseMs(pages.get(key)?.get(entry)?.contest, clock.steady()),
    seen: (key) =>
      [...(current(key)?.values() ?? [])].map(({ contest, told }) => ({
        ...told,
        contested: told.contested && !isOver(contest, clock.steady()),
      })),
    forget: (key) => void pages.delete(key),
  };
}
