import { createBackoff } from '../kube/backoff.ts';
import type { Clock } from '../kube/clock.ts';
import type { ConsulReply, Transport } from './transport.ts';

export interface WatchOptions {
  /** Must wait for an answer as long as WATCH_TIMEOUT_MS. */
  transport: Transport;
  clock: Clock;
  /** 0 <= random() < 1. */
  random: () => number;
  signal: AbortSignal;
}

/** One request in this time while nothing changes; Consul adds up to a sixteenth. */
const WAIT_SECONDS = 280;
export const WATCH_TIMEOUT_MS = 320_000;
/** From one answer to the next question: many changes of a moment are read at once. */
const GATHER_MS = 500;

/**
 * Tells of each change of config entries within half a second or so, by whomever it was made: the names that came, went or
 * were changed. Entries that are there at first are not named.
 */
export function watchConfig(kind: string, onChange: (names: string[]) => void, options: WatchOptions): void {
  let known: Map<string, number> | undefined;
  void watch({ path: `/config/${kind}`, query: {} }, options, ({ body }) => {
    const entries = (body ?? []) as { Name: string; ModifyIndex: number }[];
    const now = new Map(entries.map(({ Name, ModifyIndex }) => [Name, ModifyIndex]));
    const changed = known === undefined ? [] : differing(known, now);
    known = now;
    if (changed.length > 0) onChange(changed);
  });
}

const differing = (before: Map<string, number>, now: Map<string, number>): string[] =>
  [...new Set([...before.keys(), ...now.keys()])].filter((name) => before.get(name) !== now.get(name));

/** Gives the values below a prefix of the KV store, at first and whenever they have changed. */
export function watchKv(prefix: string, onValues: (values: string[]) => void, options: WatchOptions): void {
  void watch({ path: `/kv/${prefix}`, query: { recurse: '' } }, options, ({ status, body }) => {
    const entries = status === 404 ? [] : ((body ?? []) as { Value: string | null }[]);
    onValues(entries.map(({ Value }) => Buffer.from(Value ?? '', 'base64').toString('utf8')));
  });
}

interface Question {
  path: string;
  query: Record<string, string>;
}

/** Consul holds the request until there is news: https://developer.hashicorp.com/consul/api-docs/features/blocking */
async function watch(question: Question, options: WatchOptions, take: (reply: ConsulReply) => void): Promise<void> {
  const { transport, clock, random, signal } = options;
  const { path } = question;
  const backoff = createBackoff({ baseMs: 500, capMs: 5000, random });
  let index = '0';
  while (!signal.aborted) {
    try {
      const query = { ...question.query, index, wait: `${WAIT_SECONDS}s`, stale: '' };
      const reply = await transport.send({ method: 'GET', path, query, accept: [404] });
      backoff.reset();
      const next = reply.index ?? '0';
      if (next !== index) take(reply);
      // An index that went back is another Consul's: it is read from the beginning.
      index = Number(next) < Number(index) ? '0' : next;
      await clock.wait(GATHER_MS, signal);
    } catch {
      // The way to Consul is watched elsewhere; a change that comes meanwhile is found afterwards.
      await clock.wait(backoff.next(), signal);
    }
  }
}
