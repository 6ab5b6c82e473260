import { type Shot, failed } from '../../test/support/steady-load.ts';

export interface Lost {
  sent: number;
  failed: number;
  /** From the cut until the last request was sent that failed, ms; 0 when none did. */
  lastMs: number;
}

/**
 * What a cut cost, from the client's side. Without retries a request fails when, and only when, it was sent to the dead
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

/** When the last answer of a host was sent for, ms after `fromMs`; 0 when none came. */
export const lastServedMs = (shots: Shot[], host: string, fromMs: number): number =>
  Math.max(0, ...shots.flatMap(({ servedBy, sentAtMs }) => (servedBy.endsWith(`@${host}`) ? [sentAtMs - fromMs] : [])));
