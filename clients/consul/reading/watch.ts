import { createBackoff } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import { ConsulDenied } from '../errors.ts';
import { type KindText, readKind } from './kind-text.ts';
import type { ConsulReply, Transport } from '../transport.ts';

export interface WatchOptions {
  /** Must wait for an answer as long as WATCH_TIMEOUT_MS. */
  transport: Transport;
  clock: Clock;
  /** 0 <= random() < 1. */
  random: () => number;
  signal: AbortSignal;
  log: Log;
}

/**
 * One question in this time while nothing changes; Consul adds up to a sixteenth. Load balancers and proxies cut a connection
 * on which nothing has come for 50 or 60 s, some without a word.
 */
const WAIT_SECONDS = 45;
export const WATCH_TIMEOUT_MS = 60_000;
/** From one answer to the next question, so a kind is read at most twice a second however often it changes. */
const GATHER_MS = 500;
/** A question that was held so long and then cut says nothing against Consul. */
const HELD_MS = 5000;

/** All config entries of one kind in Consul. */
export interface KindAnswer {
  kind: string;
  /** The index of the whole answer, which holds every earlier write. */
  index: number;
  /** ModifyIndex by name. */
  entries: Pick<ReadonlyMap<string, number>, 'get'>;
  /** Names that came, went or were changed since the answer before; none in the first. */
  changed: string[];
  /** Consul holds an earlier state than it did before: a backup was restored, or its data was lost. */
  restored: boolean;
}

/** Tells of each change of config entries, by whomever it was made: at once, or half a second after the change before. */
export function watchConfig(kinds: readonly string[], take: (answer: KindAnswer) => void, options: WatchOptions): void {
  // All kinds are in one table of Consul's, and have one index.
  const table: Table = { newest: 0 };
  for (const kind of kinds) {
    let known: KindText | undefined;
    const question: Question = { path: `/config/${kind}`, query: {}, table, raw: true };
    void watch(question, options, ({ body }, index, restored) => {
      const read = readKind(body as Buffer, known);
      const changed = known === undefined ? [] : read.changed;
      known = read;
      const { places, indexes } = read;
      const entries = { get: (name: string) => indexes[places.get(name) ?? -1] };
      take({ kind, index, entries, changed, restored });
    });
  }
}

/** Gives the values below a prefix of the KV store, at first and whenever they have changed. */
export function watchKv(prefix: string, onValues: (values: string[]) => void, options: WatchOptions): void {
  const question = { path: `/kv/${prefix}`, query: { recurse: '' }, table: { newest: 0 } };
  void watch(question, options, ({ status, body }) => {
    const entries = status === 404 ? [] : ((body ?? []) as { Value: string | null }[]);
    onValues(entries.map(({ Value }) => Buffer.from(Value ?? '', 'base64').toString('utf8')));
  });
}

interface Question {
  path: string;
  query: Record<string, string>;
  table: Table;
  /** See ConsulRequest. */
  raw?: true;
}

interface Table {
  /** The highest index of any answer. An answer to a later question is lower only when Consul holds an earlier state. */
  newest: number;
}

/**
 * Consul holds the request until there is news: https://developer.hashicorp.com/consul/api-docs/features/blocking
 *
 * | answer                           | next question                                                        |
 * |----------------------------------|----------------------------------------------------------------------|
 * | another index                    | after that index                                                     |
 * | the same index, in time          | the same: nothing happened                                           |
 * | the same index, before its time  | from the beginning: so Consul answers when a backup is restored      |
 * | a lower index                    | from the beginning: an earlier state would answer late, or never     |
 * | no index, or 0                   | after index 1, which waits where 0 would turn in a circle            |
 * | none, refused, or a part of it   | from the beginning, after a back-off                                 |
 *
 * It asks the leader, since the indexes of the servers differ. A leader that has just been elected may still miss writes, so
 * each question is a consistent one.
 */
async function watch(
  question: Question,
  options: WatchOptions,
  take: (reply: ConsulReply, index: number, restored: boolean) => void,
): Promise<void> {
  const { transport, clock, random, signal, log } = options;
  const { path, table, raw } = question;
  // As often as the return of Consul is tried: a foreign change is right within a second again soon after it.
  const backoff = createBackoff({ baseMs: 250, capMs: 1000, random });
  /** 0: from the beginning. */
  let index = 0;
  let told = false;
  while (!signal.aborted) {
    const askedMs = clock.steady();
    const floor = table.newest;
    try {
      const after: Record<string, string> = index === 0 ? {} : { index: `${index}`, wait: `${WAIT_SECONDS}s` };
      const query = { ...question.query, ...after, consistent: '' };
      const reply = await transport.send({ method: 'GET', path, query, accept: [404], raw });
      // An entry that is left out would look as if it were gone.
      if (reply.filtered) throw new ConsulDenied(`GET /v1${path}: Consul hid a part of the answer`);
      const given = Number(reply.index) || 0;
      const next = Math.max(1, given);
      const wentBack = next < index;
      const restored = index === 0 && next < floor;
      if (restored) table.newest = next;
      else if (!wentBack) table.newest = Math.max(table.newest, next);
      if (given === 0 || (!wentBack && next !== index)) take(reply, next, restored);
      const tooEarly = next === index && clock.steady() - askedMs < WAIT_SECONDS * 1000;
      index = wentBack || tooEarly ? 0 : next;
      told = false;
      backoff.reset();
      await clock.wait(GATHER_MS, signal);
    } catch (error) {
      if (signal.aborted) return;
      // clients/consul/reachability.ts logs that Consul is away; a change that comes meanwhile is found afterwards.
      if (error instanceof ConsulDenied && !told) log.warn({ err: error }, 'cannot watch Consul');
      told = error instanceof ConsulDenied;
      index = 0;
      if (clock.steady() - askedMs >= HELD_MS) backoff.reset();
      await clock.wait(backoff.next(), signal);
    }
  }
}
