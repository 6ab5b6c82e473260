/** How often somebody else has changed one config entry, and when last. */
export interface Contest {
  count: number;
  /** Time of the last change, ms. */
  lastMs: number;
}

/** Changes of an entry that are put right at once, one after the other. */
export const AT_ONCE = 5;
const FIRST_PAUSE_MS = 1000;
/** A change waits no longer than this, however long the other goes on. */
export const LONGEST_PAUSE_MS = 5000;
/** After this long without a change the next one is a story of its own. */
export const QUIET_MS = 60_000;

/** One more change. */
export const changedAgain = (before: Contest | undefined, nowMs: number): Contest => ({
  count: before === undefined || isOver(before, nowMs) ? 1 : before.count + 1,
  lastMs: nowMs,
});

export const isOver = ({ lastMs }: Contest, nowMs: number): boolean => nowMs - lastMs > QUIET_MS;

/** Somebody writes it again and again: putting it right at once would be a race between two programs. */
export const isContested = (contest: Contest, nowMs: number): boolean =>
  contest.count > AT_ONCE && !isOver(contest, nowMs);

/** From now until the next change of the entry may be put right, ms: 1 s, 2 s, 4 s, then 5 s after the one before. */
export function pauseMs(contest: Contest | undefined, nowMs: number): number {
  if (contest === undefined || contest.count < AT_ONCE || isOver(contest, nowMs)) return 0;
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (contest.count - AT_ONCE));
  return Math.max(0, contest.lastMs + pause - nowMs);
}
