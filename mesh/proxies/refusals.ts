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

/** One moment by the operator's two clocks. Intervals are judged by the steady clock, which nobody sets. */
export interface Moment {
  steadyMs: number;
  /** ms since 1970. */
  wallMs: number;
}

/** A refusal as the operator holds it. */
export interface Standing extends Refusal {
  /** An earlier update is not to blame; by the steady clock. */
  sinceMs: number;
  /** Consul has taken the update back. */
  over: boolean;
}

/** The last changes of the updates for a proxy, and the last look at it, by the steady clock. */
export interface Changes {
  /** In their order. */
  atMs: number[];
  lookedMs: number;
}

/** After a change Consul has given the proxies what is new, and heard of their refusals, within this time. */
export const SETTLE_MS = 4000;

/**
 * Consul's account: whether the refused update is still offered. When a change takes it back, Envoy already has the right
 * configuration: Consul sends nothing, and no counter moves. An update that is still wrong goes out again with each change,
 * and Envoy refuses it again. So a refusal is over when a change came after it and the count stayed.
 */
export function standingOf(before: Standing[], seen: Refusal[], changes: Changes, now: Moment): Standing[] {
  const lastMs = changes.atMs.at(-1);
  return seen.map((refusal) => {
    const known = before.find(({ subscription }) => subscription === refusal.subscription);
    if (known === undefined || known.rejected !== refusal.rejected)
      return { ...refusal, sinceMs: refusedMs(refusal, changes, now), over: false };
    const words = refusal.words ?? known.words;
    const settled = lastMs !== undefined && lastMs > known.sinceMs && now.steadyMs - lastMs >= SETTLE_MS;
    return { ...refusal, words, sinceMs: known.sinceMs, over: known.over || settled };
  });
}

/**
 * When the update of a refusal that is new came at the latest. With several changes since the last look only the time in Envoy's
 * log tells them apart. A time that fits none of them is of a clock that differs from ours, and counts for nothing.
 */
function refusedMs({ atMs }: Refusal, changes: Changes, now: Moment): number {
  const [first, second] = changes.atMs.filter((ms) => ms > changes.lookedMs);
  if (atMs === undefined || first === undefined || second === undefined) return now.steadyMs;
  const told = now.steadyMs - (now.wallMs - atMs);
  return told >= first && told <= now.steadyMs ? told : now.steadyMs;
}
