import type { UpdateKind, Updates } from './counters.ts';
import type { Heard } from './heard.ts';

/** An update that an Envoy refused: it keeps its earlier configuration. */
export interface Refusal {
  subscription: string;
  kind: UpdateKind;
  /** Refused updates of the subscription since the process began. */
  rejected: number;
  /** Envoy's own; undefined: they could not be read. */
  words: string | undefined;
  /** When, ms since 1970 by the clock of its machine; undefined: not known. */
  atMs: number | undefined;
}

/** The memory of one Envoy between two looks. */
export interface Account {
  /** Refused updates, by subscription. */
  counts: Record<string, number>;
  refusals: Refusal[];
}

export const NO_ACCOUNT: Account = { counts: {}, refusals: [] };

/** Subscriptions that have refused something since the look before: their words are worth reading. */
export const risen = (before: Account | undefined, updates: Updates[]): Updates[] =>
  updates.filter(({ subscription, rejected }) => rejected !== (before?.counts[subscription] ?? 0));

/**
 * Envoy's account: the subscriptions whose last update was refused. Counters only grow, so a refusal is over when a later
 * update was taken. A count that went down belongs to another process. `before` undefined: the first look, where only the
 * times distinguish an old refusal from a new one.
 */
export function accountOf(before: Account | undefined, updates: Updates[], heard: Heard[]): Account {
  const anew = new Set(risen(before, updates).map(({ subscription }) => subscription));
  const refusals = updates.flatMap((seen): Refusal[] => {
    const { subscription, kind, rejected, acceptedAtMs } = seen;
    const known = before?.refusals.find((one) => one.subscription === subscription);
    if (!anew.has(subscription)) {
      const over = known === undefined || isLater(acceptedAtMs, known.atMs);
      return over ? [] : [known];
    }
    const last = heard.filter((one) => one.kind === kind).at(-1);
    if (isLater(acceptedAtMs, last?.atMs)) return [];
    // On a first look without words nobody can say which came last.
    if (before === undefined && last === undefined && acceptedAtMs !== undefined) return [];
    return [{ subscription, kind, rejected, words: last?.words, atMs: last?.atMs ?? acceptedAtMs }];
  });
  return {
    counts: Object.fromEntries(updates.map(({ subscription, rejected }) => [subscription, rejected])),
    refusals,
  };
}

const isLater = (acceptedAtMs: number | undefined, refusedAtMs: number | undefined): boolean =>
  acceptedAtMs !== undefined && refusedAtMs !== undefined && acceptedAtMs > refusedAtMs;

/** A refusal as the operator holds it; times are the operator's own. */
export interface Standing extends Refusal {
  /** An earlier update is not to blame. */
  sinceMs: number;
  /** Consul has taken the update back. */
  over: boolean;
}

/** When the updates for a proxy changed last, and how often since the last look at it. */
export interface Changes {
  lastMs: number | undefined;
  /** Of more than one nobody knows which was refused, unless the times tell. */
  sinceLook: number;
}

/** After a change Consul has given the proxies what is new, and heard of their refusals, within this time. */
export const SETTLE_MS = 4000;

/**
 * Consul's account: whether the refused update is still offered. When a change takes it back, Envoy already has the right
 * configuration: Consul sends nothing, and no counter moves. An update that is still wrong goes out again with each change,
 * and Envoy refuses it again. So a refusal is over when a change came after it and the count stayed.
 */
export function standingOf(before: Standing[], now: Refusal[], changes: Changes, nowMs: number): Standing[] {
  return now.map((refusal) => {
    const known = before.find(({ subscription }) => subscription === refusal.subscription);
    if (known === undefined || known.rejected !== refusal.rejected) {
      const told = changes.sinceLook > 1 ? refusal.atMs : undefined;
      return { ...refusal, sinceMs: told ?? nowMs, over: false };
    }
    const words = refusal.words ?? known.words;
    const { lastMs } = changes;
    const over = known.over || (lastMs !== undefined && lastMs > known.sinceMs && nowMs - lastMs >= SETTLE_MS);
    return { ...refusal, words, sinceMs: known.sinceMs, over };
  });
}
