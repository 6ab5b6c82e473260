import type { Rig } from './rig/rig.ts';
import type { Scale } from './scale.ts';
import { type Summary, summarise } from './summary.ts';

/** Upper limits, in the unit of the finding. */
export type Bar = Partial<Pick<Summary, 'p50' | 'p99' | 'max'>>;

/** One line of the table. */
export interface Finding {
  measure: string;
  /** The parameter, such as `N = 500`. */
  parameters: string;
  /** Pods of the service, where the findings of one measure differ in that alone. */
  n?: number;
  unit: 'calls' | 'writes' | 'ms' | 's' | 'lost' | 'CPU s' | 'MB' | 'KB' | '% of a core';
  samples: number[];
  /** Undefined: for information. */
  bar?: Bar;
  /** The figure of the strongest peer for the same, on the same machine. */
  peer?: string;
  note?: string;
}

export interface Measure {
  name: string;
  /** Needs a world of its own instead of the one that the measures share. */
  apart?: true;
  /** Gives each finding to `found` as soon as it has it, since a later one may fail. */
  run(rig: Rig, scale: Scale, found: (finding: Omit<Finding, 'measure'>) => void): Promise<void>;
}

export type Verdict = 'ok' | 'short' | '';

export function verdictOf({ samples, bar }: Pick<Finding, 'samples' | 'bar'>): Verdict {
  if (bar === undefined) return '';
  const summary = summarise(samples);
  const limits = Object.entries(bar) as [keyof Bar, number][];
  return limits.every(([name, limit]) => summary[name] <= limit) ? 'ok' : 'short';
}

/** Milliseconds that `task` took, by a monotonic clock. */
export async function timed(task: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await task();
  return performance.now() - started;
}
