import { NO_CALLS, type Protocol, type Speech, mismatchIn, speechAfter } from '../../mesh/proxies/app-calls.ts';
import type { ProxyCounters } from '../../mesh/proxies/counters.ts';
import type { Heard } from '../../mesh/proxies/heard.ts';
import {
  type Account,
  type Changes,
  type Moment,
  type Refusal,
  type Standing,
  accountOf,
  standingOf,
} from '../../mesh/proxies/refusals.ts';
import { type AppSeen, NO_LOOK, appAfter } from './app-seen.ts';
import { refusingIndex } from './refusing-index.ts';
import { type MismatchedApp, type RefusingProxy, type SilentApp, isAbout } from '../../mesh/proxies/verdict.ts';
import type { Proxy } from './proxy.ts';

interface Kept {
  proxy: Proxy;
  account: Account | undefined;
  standing: Standing[];
  lookedMs: number;
  /** Looks without an answer since the last that had one. */
  misses: number;
  app: AppSeen;
  /** Undefined: nothing is known of calls in a protocol. */
  speech: Speech | undefined;
  /** When its app was seen first, or got another protocol. */
  newSinceMs: number;
}

/** The findings of one look at a proxy. */
interface Found {
  counters: ProxyCounters;
  heard: Heard[];
  /** The port of its app; undefined: it has no app, or a pod that is not ready. */
  port: number | undefined;
  /** The protocol of its MeshService. Default: not known. */
  protocol?: Protocol | undefined;
}

export interface ProxyBook {
  /** The updates for these proxies have changed, or are about to. */
  changed(scope: string, nowMs: number): void;
  /** Counters and words of a look. Words are read of those only whose counters have risen, see `risen`. */
  took(proxy: Proxy, found: Found, now: Moment): void;
  /** A machine's report of an Envoy. */
  told(proxy: Proxy, refusals: Refusal[], now: Moment): void;
  /** Undefined: it was never looked at. */
  account(key: string): Account | undefined;
  isKnown(key: string): boolean;
  /** Its app has started again. */
  restarted(key: string): void;
  /** It did not answer. Gives how often it did not, in a row. */
  missed(proxy: Proxy, nowMs: number): number;
  /** It has ended. Gives it when it was held. */
  forget(key: string): Proxy | undefined;
  /** Something about it is to be looked at again soon. */
  isTroubled(key: string): boolean;
  /** Only a call can tell whether its app is at the port that the MeshService gives now. */
  isUntried(key: string): boolean;
  /** No call has told yet whether its app speaks its protocol, and that was to be found out for a short time only. */
  isUnheard(key: string, nowMs: number): boolean;
  /** The part that conditions show. */
  view(key: string): unknown;
  /**
   * `served`: by a gateway; the words about its routes and listeners leave the service out. `believes`: whether the proxy of
   * another may say something of the service; another program may answer in the Envoy's place.
   */
  refusing(
    scope: string,
    of: { service: string; served: boolean; believes: (proxy: Proxy) => boolean },
  ): RefusingProxy[];
  /** Facts about an earlier port do not count. */
  silent(key: string, port: number | undefined): SilentApp | undefined;
  /** Facts about an earlier protocol do not count. */
  mismatched(key: string, port: number | undefined, protocol: Protocol | undefined): MismatchedApp | undefined;
}

/** Changes within this time are one: one apply writes several entries. */
const ONE_CHANGE_MS = 1000;
/** An app is new for so long: people try a new app within it. */
const NEW_MS = 600_000;

/** The memory of all proxies. It judges, and asks nobody. `clearedAtMs`: since when the condition of a scope is True. */
export function proxyBook(clearedAtMs: (scope: string) => number | undefined): ProxyBook {
  const held = new Map<string, Kept>();
  /** Those of `held` that refuse something. */
  const refusing = refusingIndex<Kept>();
  const changes = new Map<string, number[]>();

  const changesOf = (scope: string, lookedMs: number): Changes => ({ atMs: changes.get(scope) ?? [], lookedMs });

  function kept(proxy: Proxy, nowMs: number): Kept {
    const app = NO_LOOK;
    const record = held.get(proxy.key) ?? {
      proxy,
      account: undefined,
      standing: [],
      lookedMs: -Infinity,
      misses: 0,
      app,
      speech: undefined,
      newSinceMs: nowMs,
    };
    record.proxy = proxy;
    held.set(proxy.key, record);
    // It may call other services now.
    if (refusing.has(proxy.key)) refusing.put(record);
    return record;
  }

  function judge(record: Kept, refusals: Refusal[], first: boolean, now: Moment): void {
    const { scope } = record.proxy;
    const standing = standingOf(record.standing, refusals, changesOf(scope, record.lookedMs), now);
    // After a start of the operator the condition tells which refusals are over.
    const clearedMs = first ? clearedAtMs(scope) : undefined;
    record.standing = standing.map((one) =>
      clearedMs !== undefined && one.atMs !== undefined && clearedMs > one.atMs ? { ...one, over: true } : one,
    );
    record.lookedMs = now.steadyMs;
    if (record.standing.some(({ over }) => !over)) refusing.put(record);
    else refusing.delete(record.proxy.key);
  }

  return {
    changed(scope, nowMs) {
      const times = changes.get(scope) ?? [];
      const last = times.at(-1);
      // The latest of one change counts, since its refusal comes after it.
      if (last !== undefined && nowMs - last < ONE_CHANGE_MS) times.pop();
      changes.set(scope, [...times, nowMs].slice(-2));
    },
    took(proxy, { counters, heard, port, protocol }, now) {
      const record = kept(proxy, now.steadyMs);
      const before = record.account;
      record.misses = 0;
      record.account = accountOf(before, counters.updates, heard);
      judge(record, record.account.refusals, before === undefined, now);
      const look = { instance: proxy.name, port, first: before === undefined, nowMs: now.steadyMs };
      record.app = appAfter(record.app, counters, look);
      if (port === undefined || port === 0 || protocol === undefined) return;
      if (record.speech !== undefined && record.speech.protocol !== protocol) record.newSinceMs = now.steadyMs;
      record.speech = speechAfter(record.speech, counters.calls ?? NO_CALLS, protocol, now.steadyMs);
    },
    told(proxy, refusals, now) {
      const record = kept(proxy, now.steadyMs);
      judge(record, refusals, record.lookedMs === -Infinity, now);
    },
    account: (key) => held.get(key)?.account,
    isKnown: (key) => held.has(key),
    restarted(key) {
      const record = held.get(key);
      if (record === undefined) return;
      record.app = { ...record.app, silentSinceMs: undefined, silent: undefined };
      record.speech = record.speech && { ...record.speech, protocolErrors: 0, closed: 0 };
    },
    missed(proxy, nowMs) {
      const record = kept(proxy, nowMs);
      record.lookedMs = nowMs;
      record.misses += 1;
      return record.misses;
    },
    forget(key) {
      const proxy = held.get(key)?.proxy;
      held.delete(key);
      refusing.delete(key);
      return proxy;
    },
    isUntried: (key) => held.get(key)?.app.untried === true,
    isUnheard: (key, nowMs) => {
      const { speech, newSinceMs = 0 } = held.get(key) ?? {};
      return speech !== undefined && !speech.answers && nowMs - newSinceMs < NEW_MS;
    },
    isTroubled: (key) => {
      const record = held.get(key);
      return refusing.has(key) || record?.app.silentSinceMs !== undefined || mismatchIn(record?.speech) !== undefined;
    },
    view: (key) => {
      const record = held.get(key);
      return (
        record && [
          record.standing.filter(({ over }) => !over).map(({ subscription, words }) => [subscription, words]),
          record.app.silent,
          [record.speech?.protocol, mismatchIn(record.speech)],
        ]
      );
    },
    refusing: (scope, { service, served, believes }) =>
      refusing.about(scope, service).flatMap(({ proxy, standing }) => {
        const refusals = standing.filter(({ over }) => !over);
        const about =
          proxy.scope === scope
            ? refusals
            : refusals.filter((one) => concerns(proxy, one, service, served) && believes(proxy));
        return about.length === 0
          ? []
          : [
              {
                proxy: proxy.name,
                refusals: about.map(({ kind, subscription, words }) => ({ kind, subscription, words })),
              },
            ];
      }),
    silent: (key, port) => {
      const silent = held.get(key)?.app.silent;
      return silent?.port === port ? silent : undefined;
    },
    mismatched: (key, port, protocol) => {
      const { proxy, speech } = held.get(key) ?? {};
      const how = mismatchIn(speech);
      if (how === undefined || port === undefined || speech?.protocol !== protocol || protocol === undefined)
        return undefined;
      return { instance: proxy!.name, port, protocol, how };
    },
  };
}

function concerns({ calls }: Proxy, refusal: Refusal, service: string, served: boolean): boolean {
  if (calls === undefined) return isAbout(refusal, service) || (served && refusal.kind !== 'cluster');
  return calls.includes(service) && isAbout(refusal, service);
}
