import { type Shot, failed } from '../../test/support/load/steady-load.ts';

export interface Lost {
  sent: number;
  failed: number;
  /** From the cut until the last request was sent that failed, ms; 0 when none did. */
  lastMs: number;
}

/**
 * The cost of a cut, from the client's side. Without retries a request fails when, and only when, it was sent to the dead
 * instance, as long as the others are well: the last one that failed is the last one that was sent there.
 */
export function lostTo(shots: Shot[], cutAtMs: number): Lost {
  const after = shots.filter(({ sentAtMs, ms }) => sentAtMs + ms >= cutAtMs);
  const bad = after.filter(failed);
  return {
    sent: after.length,
    failed: bad.length,
    lastMs: Math.max(0, ...bad.map(({ sentAtMs }) => sentAtMs - cutAtMs)),
  };
}

/** The failures, for people: each status, how often, and when those requests were sent, in s after `fromMs`. Status 0: without an answer. */
export function failuresSaid(shots: Shot[], fromMs: number): string {
  const statuses = new Map<number, Shot[]>();
  for (const shot of shots.filter(failed)) statuses.set(shot.status, [...(statuses.get(shot.status) ?? []), shot]);
  return [...statuses]
    .map(([status, of]) => {
      const sent = of.map(({ sentAtMs }) => (sentAtMs - fromMs) / 1000);
      const longest = Math.max(...of.map(({ ms }) => ms)) / 1000;
      const when = `${Math.min(...sent).toFixed(1)} s to ${Math.max(...sent).toFixed(1)} s`;
      return `${of.length} x ${status}, sent ${when}, after ${longest.toFixed(1)} s at most`;
    })
    .join('; ');
}

/** When the last answer of a host was sent for, ms after `fromMs`; 0 when none came. */
export const lastServedMs = (shots: Shot[], host: string, fromMs: number): number =>
  Math.max(0, ...shots.flatMap(({ servedBy, sentAtMs }) => (servedBy.endsWith(`@${host}`) ? [sentAtMs - fromMs] : [])));
