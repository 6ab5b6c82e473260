/**
 * An instance outside the cluster can be healthy while calls of it fail: no way leads to its sidecar, or the clock of its
 * machine is wrong. The bridge says so in the output of a check that stays passing, with these words before the cause.
 */
const WORDS = 'calls may fail: ';

export const doubtOutput = (cause: string): string => `${WORDS}${cause}`;

/** The cause in the output of a passing check; undefined without a doubt. */
export const doubtIn = (output: string): string | undefined =>
  output.startsWith(WORDS) ? output.slice(WORDS.length) : undefined;

/** Consul's certificates begin a minute before they are issued. A clock that is off by more breaks mutual TLS now and then. */
const MAX_SKEW_MS = 30_000;
const SET_IT = 'certificates fail with a wrong clock, set it (timedatectl set-ntp true)';

/** The problem of a machine's clock, which is so much ahead of the bridge's; undefined without one. */
export function skewProblem(whose: string, skewMs: number | undefined): string | undefined {
  if (skewMs === undefined || Math.abs(skewMs) <= MAX_SKEW_MS) return undefined;
  const by = `${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'ahead of' : 'behind'}`;
  return `${whose} is ${by} the bridge's: ${SET_IT}`;
}

/** A change below this, or below a tenth, does not count: a beat tells its time in whole seconds and arrives later. */
const SKEW_NEWS_MS = 5000;

/** The skew to tell after a beat, so that a sentence does not change from beat to beat. */
export function toldSkew(beforeMs: number | undefined, nowMs: number): number {
  if (beforeMs === undefined) return nowMs;
  return Math.abs(nowMs - beforeMs) > Math.max(SKEW_NEWS_MS, Math.abs(beforeMs) / 10) ? nowMs : beforeMs;
}
