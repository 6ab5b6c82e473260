import { randomBytes } from 'node:crypto';
import type { KubeClient } from '../client.ts';
import { systemClock, type Clock } from '../../../base/clock.ts';
import { isNotFound } from '../errors.ts';
import { createEventBook, type EventEntry, type EventFacts } from './event-book.ts';
import type { Log } from '../../../base/log.ts';
import { microTime } from '../leading/micro-time.ts';
import { apiVersionOf, events } from '../resources.ts';

export interface EventRecorder {
  /** Takes note and returns at once. A failure is logged and never comes back to the caller. */
  record(facts: EventFacts): void;
  /** Resolves when all that was recorded so far is written, given up, or left to wait for the rate. */
  flush(): Promise<void>;
}

export interface EventRecorderOptions {
  client: Pick<KubeClient, 'create' | 'patchMerge'>;
  /** A qualified name, such as `landbridge.dev/operator`. */
  reportingController: string;
  /** The pod. */
  reportingInstance: string;
  log: Log;
  clock?: Clock;
  /** Ends the wait of warnings that exceed the rate. They are lost then. */
  signal: AbortSignal;
  /** Writes at once before the rate counts. Default 50. */
  burst?: number;
  /** Default 1. */
  writesPerSecond?: number;
}

const maxWaiting = 200;
const maxNoteBytes = 1024;

/**
 * Records events.k8s.io/v1 Events: `kubectl get events` and `describe` show them. The same event about the same object becomes the `series` of the first.
 * An event beyond the rate is counted and written with the next of its kind; a warning is written at the latest when the rate allows it.
 */
export function recordEvents(options: EventRecorderOptions): EventRecorder {
  const { client, reportingController, reportingInstance, log, signal, clock = systemClock } = options;
  const { burst = 50, writesPerSecond = 1 } = options;
  const book = createEventBook({ burst, writesPerSecond });
  let last = Promise.resolve();
  let waiting = 0;

  async function write(entry: EventEntry): Promise<void> {
    const series = entry.count > 1 ? { count: entry.count, lastObservedTime: microTime(entry.lastMs) } : undefined;
    if (entry.written) {
      try {
        await client.patchMerge(events, entry.name, entry.namespace, { series });
        return;
      } catch (error) {
        // Events live for an hour. After that an event is a new one.
        if (!isNotFound(error)) throw error;
      }
    }
    await create(entry, series);
    entry.written = true;
  }

  async function create(entry: EventEntry, series: object | undefined): Promise<void> {
    const { regarding, type, reason, action, note } = entry.facts;
    entry.name = `${regarding.name.slice(0, 200)}.${randomBytes(8).toString('hex')}`;
    await client.create(events, {
      apiVersion: apiVersionOf(events),
      kind: events.kind,
      metadata: { name: entry.name, namespace: entry.namespace },
      eventTime: microTime(entry.firstMs),
      reportingController,
      reportingInstance: reportingInstance.slice(0, 128),
      regarding,
      type,
      reason,
      action,
      note: cutTo(note, maxNoteBytes),
      series,
    });
  }

  function send(entry: EventEntry): void {
    if (waiting >= maxWaiting) return;
    waiting += 1;
    const { reason } = entry.facts;
    last = last
      .then(() => write(entry))
      .catch((error: unknown) => log.warn({ err: error, reason }, 'an event could not be recorded'))
      .finally(() => (waiting -= 1));
  }

  let sendsLate = false;
  async function sendLate(): Promise<void> {
    if (sendsLate) return;
    sendsLate = true;
    while (book.isLate) {
      await clock.wait(1000 / writesPerSecond, signal);
      if (signal.aborted) break;
      const entry = book.late(clock.steady());
      if (entry !== undefined) send(entry);
    }
    sendsLate = false;
  }

  return {
    record(facts) {
      const entry = book.note(facts, clock.now(), clock.steady());
      if (entry !== undefined) send(entry);
      else if (book.isLate) void sendLate();
    },
    flush: () => last,
  };
}

function cutTo(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return new TextDecoder().decode(Buffer.from(text).subarray(0, bytes - 3)).replace(/\uFFFD+$/, '') + '...';
}
