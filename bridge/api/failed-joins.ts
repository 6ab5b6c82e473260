import type { Clock } from '../../base/clock.ts';
import { Refusal } from '../refusal.ts';

/**
 * Tells a guesser of invites nothing: after so many failures a minute from one address, all further ones get one answer. It never stands before an invite that is good: behind a NodePort every machine has a node's address.
 */
export interface FailedJoins {
  /** Counts a failure; throws a Refusal to answer with instead, when the address has failed too often. */
  note(address: string): void;
}

const WINDOW_MS = 60_000;
const MAX_ADDRESSES = 10_000;

/** `limit`: failures a minute that get their reason. Default 20. */
export function limitFailedJoins(clock: Pick<Clock, 'steady'>, limit = 20): FailedJoins {
  const failed = new Map<string, { sinceMs: number; count: number }>();

  return {
    note(address) {
      const entry = failed.get(address);
      if (entry === undefined || clock.steady() - entry.sinceMs >= WINDOW_MS) {
        failed.delete(address);
        failed.set(address, { sinceMs: clock.steady(), count: 1 });
        // Bounded: the oldest goes first.
        if (failed.size > MAX_ADDRESSES) failed.delete(failed.keys().next().value!);
        return;
      }
      if (entry.count < limit) {
        entry.count += 1;
        return;
      }
      const seconds = Math.ceil((entry.sinceMs + WINDOW_MS - clock.steady()) / 1000);
      throw new Refusal(
        'tooManyFailedJoins',
        `the invite is not good, and ${limit} more from ${address} were not within a minute: what is wrong with it is told again in ${seconds} s; a good one is taken at any time (landbridge vm invite)`,
      );
    },
  };
}
