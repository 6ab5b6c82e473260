import packet from 'dns-packet';

import type { NamesRequest } from '../../mesh/outside/bridge-api.ts';

import type { Clock } from '../../base/clock.ts';
import type { KnownName } from '../state/state.ts';

export interface NameCacheOptions {
  clock: Clock;
  /** Asks Consul's DNS through a bridge. Rejects without an answer. */
  ask: (question: NamesRequest) => Promise<Buffer>;
  /** The names that an agent before this one knew. */
  known: Record<string, KnownName>;
}

export interface NameCache {
  /** The message to answer with; undefined when nobody answers and nothing is known. */
  lookUp(question: NamesRequest): Promise<Buffer | undefined>;
  /** Everything known, to be kept. */
  known(): Record<string, KnownName>;
  /** Why the last question got no answer; undefined: it did. */
  problem(): string | undefined;
}

/** Serving stale data, https://www.rfc-editor.org/rfc/rfc8767#section-5 */
const STALE_MS = 24 * 3_600_000;
/** After this time the asker gets the known answer. The question goes on, and its answer is for the next asker. */
const PATIENCE_MS = 500;
/**
 * After a failure the same name is not asked again for this long. Other names are asked as before: one name that Consul
 * cannot answer, for example of another datacenter, must not keep the news of all other names from this machine.
 */
const RECHECK_MS = 1000;
const MAX_TTL_MS = 30_000;
/** The time to live of a denial that names none. */
const DENIAL_TTL_MS = 5000;
const MAX_NAMES = 2048;
/** Questions at a time; any further one is answered with what is known. */
const MAX_UNDER_WAY = 64;
const ANSWERS = new Set(['NOERROR', 'NXDOMAIN']);

/**
 * Names as Consul gave them. While it answers, nothing is older than its TTL; while it does not, known names stand for a day.
 */
export function createNameCache({ clock, ask, known }: NameCacheOptions): NameCache {
  const names = new Map(Object.entries(known).slice(-MAX_NAMES));
  const underWay = new Map<string, Promise<Buffer | undefined>>();
  let failure: string | undefined;
  /** For each name that has failed: when it may be asked again. */
  const recheckAtMs = new Map<string, number>();

  async function refresh(key: string, question: NamesRequest): Promise<Buffer | undefined> {
    try {
      const message = await ask(question);
      const ttlMs = ttlOf(message);
      failure = undefined;
      recheckAtMs.delete(key);
      // The oldest go first: a Map keeps the order in which things came.
      names.delete(key);
      names.set(key, { message: message.toString('base64'), askedAtMs: clock.now(), ttlMs });
      const [oldest] = names.keys();
      if (names.size > MAX_NAMES) names.delete(oldest!);
      return message;
    } catch (error) {
      failure = (error as Error).message;
      recheckAtMs.delete(key);
      recheckAtMs.set(key, clock.steady() + RECHECK_MS);
      const [oldest] = recheckAtMs.keys();
      if (recheckAtMs.size > MAX_NAMES) recheckAtMs.delete(oldest!);
      return undefined;
    } finally {
      underWay.delete(key);
    }
  }

  /** One question at a time, however many wait for its answer. */
  function asked(key: string, question: NamesRequest): Promise<Buffer | undefined> {
    const running = underWay.get(key) ?? refresh(key, question);
    underWay.set(key, running);
    return running;
  }

  return {
    async lookUp(question) {
      const key = `${question.name} ${question.type}`;
      const held = names.get(key);
      const ageMs = held === undefined ? Infinity : clock.now() - held.askedAtMs;
      const stale = held !== undefined && ageMs < STALE_MS ? Buffer.from(held.message, 'base64') : undefined;
      // A clock that was put back makes nothing fresh for longer.
      if (stale !== undefined && ageMs >= 0 && ageMs < held!.ttlMs) return stale;
      if (stale !== undefined && clock.steady() < (recheckAtMs.get(key) ?? -Infinity)) return stale;
      if (!underWay.has(key) && underWay.size >= MAX_UNDER_WAY) return stale;
      const answer = asked(key, question);
      if (stale === undefined) return answer;
      const late = new AbortController();
      const patience = clock.wait(PATIENCE_MS, late.signal).then(() => undefined);
      const got = await Promise.race([answer, patience]);
      late.abort();
      return got ?? stale;
    },
    known: () => Object.fromEntries(names),
    problem: () => failure,
  };
}

/** The shortest life in it, ms. Throws when the message says neither yes nor no: then it is as good as none. */
function ttlOf(message: Buffer): number {
  const { rcode, answers = [], authorities = [] } = packet.decode(message) as packet.DecodedPacket & { rcode?: string };
  if (!ANSWERS.has(rcode ?? '')) throw new Error(`Consul's DNS answers ${rcode}`);
  const ttls = answers.flatMap((record) => ('ttl' in record && record.ttl !== undefined ? [record.ttl * 1000] : []));
  const soa = authorities.flatMap((record) => (record.type === 'SOA' ? [(record.data.minimum ?? 0) * 1000] : []));
  const shortest = Math.min(...(answers.length > 0 ? ttls : soa), MAX_TTL_MS);
  return shortest > 0 ? shortest : DENIAL_TTL_MS;
}
