import { REASONS, type Reason } from '../../crds/reasons.ts';
import type { Condition } from '../../crds/kubernetes.ts';
import { LONGEST_PAUSE_MS } from './contest.ts';

/** One config entry that somebody else has changed not long ago. */
export interface ForeignChange {
  /** `service-splitter web`. */
  entry: string;
  /** `by kubernetes, as its external-source says`; see mesh/foreign/writer.ts. */
  writer: string;
  /** Time of the last change, RFC 3339. */
  at: string;
  /** It is changed again and again. */
  contested: boolean;
}

/** How long the condition names a change after it was put right. */
export const TOLD_MS = 600_000;

const NAMED = 3;

export interface ForeignVerdict {
  status: 'False';
  reason: Reason;
  message: string;
}

/** Undefined without a change. The words about a contest stay the same all the time. */
export function foreignVerdict(changes: ForeignChange[]): ForeignVerdict | undefined {
  const contested = changes.filter((one) => one.contested);
  if (contested.length > 0) {
    const named = list(contested.map(({ entry, writer }) => `${entry}, ${writer}`));
    return {
      status: 'False',
      reason: 'EntryContested',
      message: `${REASONS.EntryContested} It is put right every ${LONGEST_PAUSE_MS / 1000} s at most: ${named}. Stop the other writer`,
    };
  }
  if (changes.length === 0) return undefined;
  const latest = changes.toSorted((a, b) => (a.at < b.at ? 1 : -1));
  const named = list(latest.map(({ entry, writer, at }) => `${entry}, ${writer}, at ${at}`));
  return { status: 'False', reason: 'ForeignEntry', message: `${REASONS.ForeignEntry} (${named})` };
}

const list = (all: string[]): string =>
  `${all.slice(0, NAMED).join('; ')}${all.length > NAMED ? `; and ${all.length - NAMED} more` : ''}`;

/** The condition `Untouched`, which is there only while there is something to tell. After a start of the operator it is its own memory. */
export function untouchedVerdict(
  changes: ForeignChange[],
  conditions: Condition[] | undefined,
  now: string,
): ['Untouched', ForeignVerdict][] {
  const found = foreignVerdict(changes);
  if (found !== undefined) return [['Untouched', found]];
  const said = conditions?.find(({ type }) => type === 'Untouched');
  if (said === undefined || Date.parse(now) - Date.parse(said.lastTransitionTime) >= TOLD_MS) return [];
  return [['Untouched', { status: 'False', reason: said.reason as Reason, message: said.message }]];
}
