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
import { refusingIndex } from './refusing-index.ts';
import { type RefusingProxy, type SilentApp, isAbout } from '../../mesh/proxies/verdict.ts';
import type { Proxy } from './proxy.ts';

interface Kept {
  proxy: Proxy;
  account: Account | undefined;
  standing: Standing[];
  lookedMs: number;
  /** Looks without an answer since the last that had one. */
  misses: number;
  app: {
    connects: number;
    fails: number;
    /** Tries of the probe. */
    tries: number;
    /** The port of the app at the last look; undefined: none was known. */
    port: number | undefined;
    /** The probe tries another port, and no call has come since: nobody knows of this port. */
    untried: boolean;
    silentSinceMs: number | undefined;
    silent: SilentApp | undefined;
  };
}

export interface ProxyBook {
  /** The updates for these proxies have changed, or are about to. */
  changed(scope: string, nowMs: number): void;
  /** Counters and words of a look. Words are read of those only whose counters have risen, see `risen`. */
  took(proxy: Proxy, found: { counters: ProxyCounters; heard: Heard[]; port: number | undefined }, now: Moment): void;
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
}

const NO_LOOK: Kept['app'] = {
  ...{ connects: 0, fails: 0, tries: 0, port: undefined, untried: false },
  ...{ silentSinceMs: undefined, silent: undefined },
};

/** Changes within this time are one: one apply writes several entries. */
const ONE_CHANGE_MS = 1000;
/** An app may begin to listen a little after its pod is ready. */
const SILENT_MS = 7000;
/** Calls that failed are believed to go on failing for so long. */
const CALLS_GOOD_MS = 120_000;

/** The memory of all proxies. It judges, and asks nobody. `clearedAtMs`: since when the condition of a scope is True. */
export function proxyBook(clearedAtMs: (scope: string) => number | undefined): ProxyBook {
  const held = new Map<string, Kept>();
  /** Those of `held` that refuse something. */
  const refusing = refusingIndex<Kept>();
  const changes = new Map<string, number[]>();

  const changesOf = (scope: string, lookedMs: number): Changes => ({ atMs: changes.get(scope) ?? [], lookedMs });

  function kept(proxy: Proxy): Kept {
    const app = { ...NO_LOOK };
    const record = held.get(proxy.key) ?? {
      proxy,
      account: undefined,
      standing: [],
      lookedMs: -Infinity,
      misses: 0,
      app,
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
    took(proxy, { counters, heard, port }, now) {
      const record = kept(proxy);
      const before = record.account;
      record.misses = 0;
      record.account = accountOf(before, counters.updates, heard);
      judge(record, record.account.refusals, before === undefined, now);
      record.app = appOf(record, counters, port, before === undefined, now.steadyMs);
    },
    told(proxy, refusals, now) {
      const record = kept(proxy);
      judge(record, refusals, record.lookedMs === -Infinity, now);
    },
    account: (key) => held.get(key)?.account,
    isKnown: (key) => held.has(key),
    restarted(key) {
      const record = held.get(key);
      if (record !== undefined) record.app = { ...record.app, silentSinceMs: undefined, silent: undefined };
    },
    missed(proxy, nowMs) {
      const record = kept(proxy);
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
    isTroubled: (key) => refusing.has(key) || held.get(key)?.app.silentSinceMs !== undefined,
    view: (key) => {
      const record = held.get(key);
      return (
        record && [
          record.standing.filter(({ over }) => !over).map(({ subscription, words }) => [subscription, words]),
          record.app.silent,
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
  };
}

function concerns({ calls }: Proxy, refusal: Refusal, service: string, served: boolean): boolean {
  if (calls === undefined) return isAbout(refusal, service) || (served && refusal.kind !== 'cluster');
  return calls.includes(service) && isAbout(refusal, service);
}

/** Whether nobody is where the calls go: calls failed and none came through since, or the probe finds nobody. */
function appOf(
  { proxy, app }: Kept,
  counters: ProxyCounters,
  port: number | undefined,
  first: boolean,
  nowMs: number,
): Kept['app'] {
  const { connects, connectFails: fails, probe } = counters;
  const restarted = connects < app.connects || fails < app.fails;
  const failed = fails - (restarted ? 0 : app.fails);
  const through = connects - (restarted ? 0 : app.connects) - failed;
  const tries = probe?.port === port ? (probe?.tries ?? 0) : 0;
  const isOther = probe !== undefined && probe.port !== port;
  const moved = port !== undefined && app.port !== undefined && app.port !== port;
  const untried = port !== undefined && isOther && (moved || app.port === undefined || app.untried);
  const counted = { connects, fails, tries, port: port ?? app.port, untried };
  const well = { ...counted, silentSinceMs: undefined, silent: undefined };
  if (!port) return well;
  const instance = proxy.name;
  // The counts so far are of the earlier port. A second look soon tells of this one.
  if (moved) return { ...counted, silentSinceMs: nowMs, silent: undefined };
  // The counters of a first look may be of long ago. A second look soon tells whether calls fail now.
  if (first && fails > 0) return { ...counted, silentSinceMs: nowMs, silent: undefined };
  if (!first && through > 0) return { ...well, untried: false };
  // An app that the probe has found is tried again only once a day, so only a new try says more than the calls.
  if (probe?.listening === true && tries > (restarted ? 0 : app.tries)) return well;
  if (failed > 0) return { ...counted, silentSinceMs: nowMs, silent: { instance, port, calls: true } };
  const { silentSinceMs = nowMs, silent } = app;
  // Without new calls nobody knows.
  if (silent?.calls === true) return nowMs - silentSinceMs > CALLS_GOOD_MS ? well : { ...app, ...counted };
  if (probe === undefined || probe.port !== port || probe.tries === 0 || probe.listening) return well;
  const proved = nowMs - silentSinceMs >= SILENT_MS;
  return { ...counted, silentSinceMs, silent: proved ? { instance, port, calls: false } : undefined };
}
