import type { Clock } from '../../base/clock.ts';

/** The facts about an Envoy that does not answer. Times in ms. */
export interface Silence {
  /** Since its last answer. */
  silentMs: number;
  /** For so long of that this process itself did not run when it was due: an answer may have waited unread. */
  lostMs: number;
  /** Other Envoys of this machine that are silent, too. */
  others: number;
}

export const HANG_MS = 5000;
/** Where the whole machine is short of CPU. An Envoy that hangs there is ended as well, later. */
const STARVED_HANG_MS = 30_000;
/** A process that runs late for this share of the time is not alone in that. */
const STARVED_SHARE = 0.2;

/**
 * An Envoy that hangs has to be ended; one that gets no CPU has not, because its successor would get none either, and all
 * its connections would be lost. The rest of the machine tells them apart:
 *
 * | this process          | other Envoys | it is   | ended after                         |
 * |-----------------------|--------------|---------|-------------------------------------|
 * | ran when it was due   | answer       | hanging | 5 s                                 |
 * | ran late              | any          | slow    | 30 s in which this process did run  |
 * | ran when it was due   | silent, too  | slow    | 30 s                                |
 */
export function judgeSilence({ silentMs, lostMs, others }: Silence): 'waits' | 'slow' | 'hangs' {
  const fairMs = silentMs - lostMs;
  const starved = others > 0 || lostMs > STARVED_SHARE * silentMs;
  if (fairMs >= (starved ? STARVED_HANG_MS : HANG_MS)) return 'hangs';
  return starved && silentMs >= HANG_MS ? 'slow' : 'waits';
}

/** One line about an Envoy that is slow. */
export const slowSentence = ({ silentMs, lostMs, others }: Silence): string => {
  const seen = [
    lostMs > STARVED_SHARE * silentMs ? 'this agent ran late itself' : undefined,
    others > 0 ? `${others === 1 ? 'another Envoy is' : `${others} other Envoys are`} silent, too` : undefined,
  ].filter((each) => each !== undefined);
  return `it has not answered for ${Math.round(silentMs / 1000)} s, and ${seen.join(', and ')}: this machine is short of CPU, so it is not ended`;
};

/** The shared memory of the watches of all Envoys of an agent. */
export interface Starvation {
  /** This Envoy has answered now, or has just been started. */
  answered(id: string): void;
  /** Its watch has ended. */
  forget(id: string): void;
  /** undefined: it is not watched. */
  silenceOf(id: string): Silence | undefined;
  end(): void;
}

const TICK_MS = 500;
/** Another Envoy counts as silent once an answer is overdue: they are asked each second. */
const OVERDUE_MS = 2500;
/** Ticks that are remembered. */
const REMEMBERED = 240;

/** Keeps time: ticks that come late show that this process did not run. Until `end`. */
export function watchStarvation(clock: Clock): Starvation {
  const answers = new Map<string, number>();
  let ticks: { atMs: number; lateMs: number }[] = [];
  let dueMs = clock.steady() + TICK_MS;
  const tick = (): void => {
    const atMs = clock.steady();
    ticks = [...ticks.slice(1 - REMEMBERED), { atMs, lateMs: atMs - dueMs }];
    dueMs = atMs + TICK_MS;
    cancel = clock.after(TICK_MS, tick);
  };
  let cancel = clock.after(TICK_MS, tick);

  /** Including the tick that is overdue now. */
  const lostSince = (sinceMs: number): number => {
    const nowMs = clock.steady();
    const late = [...ticks, { atMs: nowMs, lateMs: Math.max(0, nowMs - dueMs) }];
    return late.reduce((lost, { atMs, lateMs }) => lost + Math.max(0, Math.min(lateMs, atMs - sinceMs)), 0);
  };
  return {
    answered: (id) => void answers.set(id, clock.steady()),
    forget: (id) => void answers.delete(id),
    end: () => cancel(),
    silenceOf(id) {
      const answeredMs = answers.get(id);
      if (answeredMs === undefined) return undefined;
      const nowMs = clock.steady();
      const others = [...answers].filter(([other, atMs]) => other !== id && nowMs - atMs >= OVERDUE_MS).length;
      return { silentMs: nowMs - answeredMs, lostMs: lostSince(answeredMs), others };
    },
  };
}
