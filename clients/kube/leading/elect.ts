import type { KubeClient } from '../client.ts';
import { systemClock, type Clock } from '../../../base/clock.ts';
import { followAbort } from '../../../base/follow-abort.ts';
import { openLease, type LeaseHandle } from './lease.ts';
import type { Log } from '../../../base/log.ts';

export interface ElectionOptions {
  client: Pick<KubeClient, 'request'>;
  namespace: string;
  /** The name of the Lease. */
  name: string;
  /** Unique to this process: pod name and something random. */
  identity: string;
  /** How long others must leave an unrenewed lease alone. Default 15 000. */
  leaseDurationMs?: number;
  /** A leader that could not renew for this long stops. Below the duration, the difference being the time to stop in. Default 10 000. */
  renewDeadlineMs?: number;
  /** Between attempts, to take it as to renew it. Default 2000. */
  retryMs?: number;
  /**
   * Begins to lead. The signal aborts when leadership ends, and the lease is not given up before the promise has settled;
   * when it was lost, others may take it `leaseDurationMs - renewDeadlineMs` after that, so settle sooner. Settling early
   * goes on leading. Rejecting ends the election with that error.
   */
  onStartedLeading: (signal: AbortSignal) => Promise<void> | void;
  onStoppedLeading?: () => void;
  /** Aborting stops leading, then releases the lease. */
  signal: AbortSignal;
  log: Log;
  clock?: Clock;
  /** 0 <= random() < 1. Default Math.random. */
  random?: () => number;
}

/** The last request of a process that is ending should not keep it. */
const releaseTimeoutMs = 3000;

/**
 * Takes part in the election until `signal` aborts, leading whenever it holds the lease. Resolves when it has stopped and
 * released. Rejects only with the rejection of `onStartedLeading`: failures of the API server are logged and tried again.
 * No lease can stop a process that is frozen past its deadline, so what leaders write must bear a late write.
 */
export async function elect(options: ElectionOptions): Promise<void> {
  const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, clock = systemClock, signal, log } = options;
  if (renewDeadlineMs >= leaseDurationMs) throw new RangeError('renewDeadlineMs must be below leaseDurationMs');
  const { client, namespace, name, identity } = options;
  const lease = openLease({ client, namespace, name, identity, durationMs: leaseDurationMs, clock });
  const pause = (until: AbortSignal, atMostMs = Infinity) => {
    const { retryMs = 2000, random = Math.random } = options;
    return clock.wait(Math.max(0, Math.min(atMostMs, retryMs * (1 + 0.2 * random()))), until);
  };

  while (!signal.aborted) {
    const sinceMs = await candidate();
    if (sinceMs !== undefined) await lead(sinceMs);
  }

  /** Tries until it holds the lease; undefined when `signal` aborted first. */
  async function candidate(): Promise<number | undefined> {
    let holder = '';
    while (!signal.aborted) {
      try {
        const attempt = await lease.attempt(renewDeadlineMs, signal);
        if (attempt.held) return attempt.sinceMs;
        if (attempt.holder !== holder) log.info({ lease: name, holder: attempt.holder }, 'another process leads');
        holder = attempt.holder;
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error, lease: name }, 'could not try for the lease');
      }
      await pause(signal);
    }
    return undefined;
  }

  async function lead(sinceMs: number): Promise<void> {
    const leading = new AbortController();
    /** Aborts with `signal`, and when the work fails. */
    const over = new AbortController();
    const forget = followAbort(signal, () => over.abort());
    let failure: { error: unknown } | undefined;
    log.info({ lease: name, identity }, 'leading');
    const work = Promise.resolve()
      .then(() => options.onStartedLeading(leading.signal))
      .catch((error: unknown) => {
        failure = { error };
        over.abort();
      });
    await keep(sinceMs, over.signal);
    forget();
    leading.abort();
    await work;
    log.info({ lease: name, identity }, 'no longer leading');
    options.onStoppedLeading?.();
    await giveUp(lease);
    if (failure) throw failure.error;
  }

  /** Renews until the lease is lost, or may be, or until `over` aborts. */
  async function keep(sinceMs: number, over: AbortSignal): Promise<void> {
    let renewedAt = sinceMs;
    const leftMs = () => renewedAt + renewDeadlineMs - clock.steady();
    while (!over.aborted) {
      await pause(over, leftMs());
      if (over.aborted) return;
      if (leftMs() <= 0) return log.error({ lease: name }, 'the lease could not be renewed in time');
      try {
        const attempt = await lease.attempt(leftMs(), over);
        if (!attempt.held) return log.error({ lease: name, holder: attempt.holder }, 'the lease was taken over');
        renewedAt = attempt.sinceMs;
      } catch (error) {
        if (!over.aborted) log.warn({ err: error, lease: name }, 'could not renew the lease');
      }
    }
  }

  /** So that the next leader need not wait for it to run out. */
  async function giveUp(handle: LeaseHandle): Promise<void> {
    try {
      await handle.release(releaseTimeoutMs);
    } catch (error) {
      log.warn({ err: error, lease: name }, 'could not release the lease; it runs out by itself');
    }
  }
}
