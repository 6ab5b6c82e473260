/** Work that is still to come: a task by the beginning of its label, and its seconds on two idle cores. */
export interface Ahead {
  label: string;
  seconds: number;
}

/** A task that has begun. */
export interface Spent {
  label: string;
  seconds: number;
  ended: boolean;
}

/** As if this part of all the work had been done at the pace of an idle machine: a few short downloads say little about builds. */
const PRIOR = 0.25;
/** A task that has run out of its time has this part of it left, until it ends. */
const REST = 0.1;

/**
 * Seconds that are left. The tasks that have ended say how fast this machine is. Tasks that go on side by side are counted one
 * after the other, so the end comes sooner rather than later. Linear in both lists.
 */
export function secondsLeft(ahead: readonly Ahead[], spent: readonly Spent[]): number {
  const found = new Map(ahead.map(({ label }) => [label, spent.find((one) => one.label.startsWith(label))]));
  const ended = ahead.filter(({ label }) => found.get(label)?.ended);
  const sum = (of: number[]): number => of.reduce((total, seconds) => total + seconds, 0);
  const prior = PRIOR * sum(ahead.map(({ seconds }) => seconds));
  const wanted = prior + sum(ended.map(({ seconds }) => seconds));
  const took = prior + sum(ended.map(({ label }) => found.get(label)!.seconds));
  const pace = wanted === 0 ? 1 : took / wanted;
  return sum(
    ahead
      .filter(({ label }) => !found.get(label)?.ended)
      .map(({ label, seconds }) => {
        const whole = seconds * pace;
        return Math.max(whole - (found.get(label)?.seconds ?? 0), whole * REST);
      }),
  );
}

/** `about 9 minutes left`; empty below half a minute, where a figure would be gone before it is read. */
export function leftInWords(seconds: number): string {
  if (seconds < 30) return '';
  const minutes = Math.round(seconds / 60);
  return minutes <= 1 ? 'about a minute left' : `about ${minutes} minutes left`;
}
