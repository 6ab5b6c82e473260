import type { CheckResult } from '../../checks/result.ts';
import type { Clock } from '../../base/clock.ts';

export type CheckState = 'unknown' | 'passing' | 'critical';

/** The results of an app's check so far. */
export interface Checked {
  state: CheckState;
  output: string;
  /** Results in a row that speak against `state`. */
  against: number;
}

export const UNCHECKED: Checked = { state: 'unknown', output: 'not checked yet', against: 0 };

export interface Thresholds {
  failures: number;
  successes: number;
}

/**
 *   unknown --first result--> passing | critical          passing --`failures` in a row--> critical
 *                                                         critical --`successes` in a row--> passing
 */
export function afterCheck(before: Checked, result: CheckResult, thresholds: Thresholds): Checked {
  const says: CheckState = result.ok ? 'passing' : 'critical';
  if (says === before.state) return { state: says, output: result.output, against: 0 };
  const against = before.against + 1;
  const needed = before.state === 'unknown' ? 1 : result.ok ? thresholds.successes : thresholds.failures;
  if (against >= needed) return { state: says, output: result.output, against: 0 };
  return { ...before, against };
}

export interface CheckLoop {
  checked(): Checked;
  stop(): void;
}

/** Checks at once and then every `intervalMs`, never two at a time. `heard` is called after every result. */
export function startCheckLoop(options: {
  run: () => Promise<CheckResult>;
  intervalMs: number;
  thresholds: Thresholds;
  clock: Clock;
  heard: (now: Checked, before: Checked) => void;
}): CheckLoop {
  const { run, intervalMs, thresholds, clock, heard } = options;
  let checked = UNCHECKED;
  let stopped = false;
  let cancel = (): void => {};

  const round = async (): Promise<void> => {
    const startedMs = clock.steady();
    const result = await run();
    if (stopped) return;
    const before = checked;
    checked = afterCheck(before, result, thresholds);
    cancel = clock.after(Math.max(0, intervalMs - (clock.steady() - startedMs)), () => void round());
    heard(checked, before);
  };
  void round();
  return {
    checked: () => checked,
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}
