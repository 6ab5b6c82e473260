import type { Clock } from '../clients/kube/clock.ts';
import { Refusal } from './refusal.ts';

/** Slows down who guesses invites: so many failed joins a minute from one address, and no more are looked at. */
export interface FailedJoins {
  /** Throws a Refusal while the address has failed too often. */
  check(address: string): void;
  note(address: string): void;
}

const WINDOW_MS = 60_000;
const MAX_ADDRESSES = 10_000;

/** `limit`: failures a minute. Many hosts can stand behind one address, so what succeeds costs nothing. Default 20. */
export function limitFailedJoins(clock: Pick<Clock, 'steady'>, limit = 20): FailedJoins {
  const failed = new Map<string, { sinceMs: number; count: number }>();

  const current = (address: string): { sinceMs: number; count: number } | undefined => {
    const entry = failed.get(address);
    if (entry === undefined || clock.steady() - entry.sinceMs < WINDOW_MS) return entry;
    failed.delete(address);
    return undefined;
  };

  return {
    check(address) {
      const entry = current(address);
      if (entry === undefined || entry.count < limit) return;
      const seconds = Math.ceil((entry.sinceMs + WINDOW_MS - clock.steady()) / 1000);
      throw new Refusal(
        'tooManyFailedJoins',
        `${entry.count} joins from ${address} failed within a minute: try again in ${seconds} s with a valid invite`,
      );
    },
    note(address) {
      const entry = current(address);
      if (entry !== undefined) entry.count += 1;
      else failed.set(address, { sinceMs: clock.steady(), count: 1 });
      // Bounded: the oldest goes first.
      if (failed.size > MAX_ADDRESSES) failed.delete(failed.keys().next().value!);
    },
  };
}
