import { createBackoff } from '../kube/backoff.ts';
import type { Clock } from '../kube/clock.ts';
import type { Transport } from './transport.ts';

export interface ConfigWatchOptions {
  /** Must wait for an answer longer than WAIT_SECONDS. */
  transport: Transport;
  kinds: readonly string[];
  /** Names of entries of a kind that came, went or were changed, by whomever. Not called for what is there at first. */
  onChange: (kind: string, names: string[]) => void;
  clock: Clock;
  /** 0 <= random() < 1. */
  random: () => number;
  signal: AbortSignal;
}

/** One request for each kind in this time while nothing changes; Consul adds up to a sixteenth. */
const WAIT_SECONDS = 280;
export const WATCH_TIMEOUT_MS = 320_000;
/** From one answer to the next question: many changes of a moment are read at once. */
const GATHER_MS = 500;

/**
 * Tells of each change of config entries within half a second or so: Consul holds the request until something changed.
 * https://developer.hashicorp.com/consul/api-docs/features/blocking
 */
export function watchConfig(options: ConfigWatchOptions): void {
  for (const kind of options.kinds) void watchKind(kind, options);
}

interface RawEntry {
  Name: string;
  ModifyIndex: number;
}

async function watchKind(kind: string, options: ConfigWatchOptions): Promise<void> {
  const { transport, onChange, clock, random, signal } = options;
  const backoff = createBackoff({ baseMs: 500, capMs: 5000, random });
  let known: Map<string, number> | undefined;
  let index = '0';
  while (!signal.aborted) {
    try {
      const query = { index, wait: `${WAIT_SECONDS}s`, stale: '' };
      const reply = await transport.send({ method: 'GET', path: `/config/${kind}`, query });
      backoff.reset();
      const next = reply.index ?? '0';
      const entries = new Map((reply.body as RawEntry[] | null)?.map(({ Name, ModifyIndex }) => [Name, ModifyIndex]));
      const changed = known === undefined ? [] : differing(known, entries);
      known = entries;
      // One that went back is of another Consul: what it says has to be read from the beginning.
      index = Number(next) < Number(index) ? '0' : next;
      if (changed.length > 0) onChange(kind, changed);
      await clock.wait(GATHER_MS, signal);
    } catch {
      // That Consul is away is told elsewhere; what changes meanwhile is found when it is back.
      await clock.wait(backoff.next(), signal);
    }
  }
}

const differing = (before: Map<string, number>, now: Map<string, number>): string[] =>
  [...new Set([...before.keys(), ...now.keys()])].filter((name) => before.get(name) !== now.get(name));
