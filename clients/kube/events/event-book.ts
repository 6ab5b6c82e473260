/** An event about an object. */
export interface EventFacts {
  regarding: { apiVersion: string; kind: string; name: string; namespace?: string; uid?: string };
  type: 'Normal' | 'Warning';
  /** Why, one CamelCase word. */
  reason: string;
  /** The action that was done or tried, one CamelCase word. */
  action: string;
  /** For people. */
  note: string;
}

/** One thing said once or often. */
export interface EventEntry {
  facts: EventFacts;
  /** The resourceVersion of the Event object; '' before it is written. */
  name: string;
  /** Events about objects without a namespace live in `default`. */
  namespace: string;
  count: number;
  /** Milliseconds since 1970. */
  firstMs: number;
  lastMs: number;
  written: boolean;
}

export interface EventBook {
  /** Counts it in; gives the entry when it may be written now, and undefined when the rate is used up. */
  note(facts: EventFacts, nowMs: number, steadyMs: number): EventEntry | undefined;
  /** A warning that exceeded the rate, when one waits and the rate allows it now. */
  late(steadyMs: number): EventEntry | undefined;
  /** A warning waits. */
  readonly isLate: boolean;
}

/** Remembers the last `size` (default 1000) different things said, and lets through `burst` writes and then so many a second. */
export function createEventBook(settings: { burst: number; writesPerSecond: number; size?: number }): EventBook {
  const { burst, writesPerSecond, size = 1000 } = settings;
  const entries = new Map<string, EventEntry>();
  /** Some of `entries`. */
  const waiting = new Set<EventEntry>();
  let tokens = burst;
  let filledAt = 0;

  function mayWrite(steadyMs: number): boolean {
    tokens = Math.min(burst, tokens + ((steadyMs - filledAt) / 1000) * writesPerSecond);
    filledAt = steadyMs;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  }

  return {
    note(facts, nowMs, steadyMs) {
      const key = keyOf(facts);
      const known = entries.get(key);
      const entry = known ?? {
        facts,
        name: '',
        namespace: facts.regarding.namespace ?? 'default',
        count: 0,
        firstMs: nowMs,
        lastMs: nowMs,
        written: false,
      };
      entry.count += 1;
      entry.lastMs = nowMs;
      // A Map keeps the order of insertion: the first key is the one said longest ago.
      entries.delete(key);
      entries.set(key, entry);
      if (entries.size > size) {
        const [oldest, dropped] = entries.entries().next().value!;
        entries.delete(oldest);
        waiting.delete(dropped);
      }
      if (!mayWrite(steadyMs)) {
        if (facts.type === 'Warning') waiting.add(entry);
        return undefined;
      }
      waiting.delete(entry);
      return entry;
    },
    late(steadyMs) {
      const [first] = waiting;
      if (first === undefined || !mayWrite(steadyMs)) return undefined;
      waiting.delete(first);
      return first;
    },
    get isLate() {
      return waiting.size > 0;
    },
  };
}

function keyOf({ regarding, type, reason, action, note }: EventFacts): string {
  return JSON.stringify([
    regarding.kind,
    regarding.namespace,
    regarding.name,
    regarding.uid,
    type,
    reason,
    action,
    note,
  ]);
}
