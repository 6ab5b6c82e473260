import type { ProxyCounters } from '../../mesh/proxies/counters.ts';
import type { SilentApp } from '../../mesh/proxies/verdict.ts';

/** Whether something listens where the sidecar of a pod passes calls on. */
export interface AppSeen {
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
}

export interface AppLook {
  /** For people. */
  instance: string;
  port: number | undefined;
  /** Its counters were not read before. */
  first: boolean;
  nowMs: number;
}

export const NO_LOOK: AppSeen = {
  ...{ connects: 0, fails: 0, tries: 0, port: undefined, untried: false },
  ...{ silentSinceMs: undefined, silent: undefined },
};

/** An app may begin to listen a little after its pod is ready. */
const SILENT_MS = 7000;
/** Calls that failed are believed to go on failing for so long. */
const CALLS_GOOD_MS = 120_000;

/** Whether nobody is where the calls go: calls failed and none came through since, or the probe finds nobody. */
export function appAfter(app: AppSeen, counters: ProxyCounters, { instance, port, first, nowMs }: AppLook): AppSeen {
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
