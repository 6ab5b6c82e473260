import type { Consul, KvEntry } from '../../clients/consul/consul.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';

/**
 * One bridge at a time judges leases: the one that holds the lock `landbridge/bridge` in Consul KV. Others stand by.
 *
 *   stands by --(the lock is free)--> holds it --(told to end)--> lets it go
 *                                        |
 *                                        +---(its session ran out, another has the lock)--> ends
 *
 * The lock says who may begin. That nobody goes on who may not, the value of the key sees to: each bridge signs in it,
 * and looks there before it marks anybody down or mends anything. A node that is cut off can leave a bridge running
 * beside its successor, which would mark hosts down that beat elsewhere now.
 */
export interface Tenure {
  /** True when this bridge holds the lock now, false while another does. Throws what Consul throws. */
  claim(): Promise<boolean>;
  /** False when another bridge has signed. True also while Consul does not say: then nothing can be written either. */
  holds(): Promise<boolean>;
  /** Where the other bridge listens that held the lock when it was claimed last, `host:port`. */
  leader(): string | undefined;
  /** Keeps the lock, once it is held, until the signal aborts. */
  keep(signal: AbortSignal): Promise<void>;
  /** Lets the lock go, so that another need not wait for the session to run out. */
  release(): Promise<void>;
}

export interface TenureOptions {
  consul: Pick<Consul, 'kvGet' | 'kvAcquire' | 'kvRelease' | 'createSession' | 'renewSession' | 'destroySession'>;
  /** The id of this process, new with each start. */
  id: string;
  /** A later process of the same pod is its successor, and need not wait. */
  pod: string;
  /** Where this bridge listens, as other bridges reach it. */
  address: () => string;
  clock: Clock;
  log: Log;
  /** Called once. */
  onLost: () => void;
}

const KEY = 'landbridge/bridge';
/** Consul's least. It ends a session that is not renewed after once to twice this time. */
const SESSION_SECONDS = 10;
const RENEW_MS = 3000;

interface Signature {
  id: string;
  pod?: string;
  address?: string;
}

export function createTenure({ consul, id, pod, address, clock, log, onLost }: TenureOptions): Tenure {
  let session: string | undefined;
  let held = false;
  let lost = false;
  let leader: string | undefined;

  function lose(successor: string): false {
    if (!lost) log.error({ successor }, 'another bridge has taken over: this one ends');
    if (!lost) onLost();
    lost = true;
    return false;
  }

  async function claim(): Promise<boolean> {
    const now = await consul.kvGet(KEY);
    const signed = signatureOf(now);
    if (now?.session !== undefined && now.session !== session) {
      if (held || signed?.pod !== pod) {
        leader = signed?.address;
        return false;
      }
      await consul.destroySession(now.session);
    }
    if (session === undefined || !(await consul.renewSession(session))) {
      session = await consul.createSession('landbridge-bridge', SESSION_SECONDS);
    }
    if (!(await consul.kvAcquire(KEY, JSON.stringify({ id, pod, address: address() }), session))) return false;
    leader = undefined;
    held = true;
    return true;
  }

  /** The session ran out: while Consul was away, or this process stood still. Another bridge may have taken the lock in between. */
  async function claimAgain(): Promise<void> {
    const signed = signatureOf(await consul.kvGet(KEY));
    if (signed !== undefined && signed.id !== id) lose(signed.id);
    else if (!(await claim())) lose(leader ?? 'unknown');
  }

  return {
    claim,
    async holds() {
      if (lost) return false;
      const signed = signatureOf(await consul.kvGet(KEY).catch(() => undefined));
      // A KV without the key was emptied by somebody, so there cannot be a successor.
      return signed === undefined || signed.id === id || lost ? !lost : lose(signed.id);
    },
    leader: () => leader,
    async keep(signal) {
      while (!signal.aborted && !lost) {
        await clock.wait(RENEW_MS, signal);
        if (signal.aborted || session === undefined || lost) continue;
        try {
          if (!(await consul.renewSession(session))) await claimAgain();
        } catch (error) {
          log.warn({ err: error }, 'renewing the session of the bridge failed');
        }
      }
    },
    async release() {
      if (session === undefined) return;
      const ending = session;
      session = undefined;
      try {
        if (!lost) await consul.kvRelease(KEY, ending);
        await consul.destroySession(ending);
      } catch (error) {
        log.warn({ err: error }, 'the lock of the bridge was not let go: it runs out within 20 s');
      }
    },
  };
}

/** A bridge of an earlier version signs with its id alone. */
function signatureOf(entry: KvEntry | undefined): Signature | undefined {
  if (entry === undefined) return undefined;
  try {
    const parsed = JSON.parse(entry.value) as Partial<Signature> | null;
    if (typeof parsed?.id === 'string') return parsed as Signature;
  } catch {
    // Not JSON.
  }
  return { id: entry.value };
}
