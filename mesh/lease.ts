/**
 * Leases of off-cluster hosts, judged on one local monotonic clock (milliseconds).
 *
 *   held --(nothing heard for ttl)--> lapsed --(heard)--> held
 *
 * A lapsed host's instances turn critical at once. The mass-loss brake: when many hosts of a site lapse together, the
 * bridge assumes that it, not they, lost the network, and marks none of them down until it hears from enough again.
 */
export interface Lease {
  host: string;
  /** When the host was last heard. After a restart of the bridge: its start, so that everybody gets a full lease. */
  heardAtMs: number;
  /** Marked down in Consul already. */
  down: boolean;
}

export interface BrakeRule {
  /** More than this many hosts (default 3) ... */
  moreThan: number;
  /** ... and more than this share of the site's live hosts (default 0.3). */
  share: number;
}

export const DEFAULT_LEASE_MS = 6000;
export const DEFAULT_BRAKE: BrakeRule = { moreThan: 3, share: 0.3 };

export interface Judgement {
  /** Hosts to mark down now. */
  lapse: string[];
  /** Hosts that were down and have been heard again. */
  revive: string[];
  brake: 'off' | 'on';
  /** Silent hosts that only the brake keeps up. */
  heldByBrake: string[];
}

/**
 * An agent beats three times a lease, so silence of 0.6 leases is at least one beat missed. When the first host of a
 * mass loss lapses, all the others are past this mark already: the brake sees them together, whatever their phase.
 */
const SUSPECT_SHARE = 0.6;

/** Judges all leases of one site. */
export function judge(leases: Lease[], nowMs: number, ttlMs: number, rule: BrakeRule = DEFAULT_BRAKE): Judgement {
  const silenceMs = (lease: Lease): number => nowMs - lease.heardAtMs;
  const fresh = leases.filter((lease) => !lease.down && silenceMs(lease) >= ttlMs);
  const suspects = leases.filter(
    (lease) => silenceMs(lease) >= SUSPECT_SHARE * ttlMs && (!lease.down || silenceMs(lease) < 2 * ttlMs),
  );
  // Hosts that were down long before do not count as part of the site: neither lost now nor able to be lost.
  const live = leases.filter((lease) => !lease.down || silenceMs(lease) < 2 * ttlMs).length;
  const brake = fresh.length > 0 && suspects.length > rule.moreThan && suspects.length > rule.share * live;
  const names = (of: Lease[]): string[] => of.map((lease) => lease.host).sort();
  return {
    lapse: brake ? [] : names(fresh),
    revive: names(leases.filter((lease) => lease.down && silenceMs(lease) < ttlMs)),
    brake: brake ? 'on' : 'off',
    heldByBrake: brake ? names(fresh) : [],
  };
}

/** When the next lease can lapse: how long a judge may sleep. At least 10 ms, at most ttl. */
export function nextLapseMs(leases: Lease[], nowMs: number, ttlMs: number): number {
  const due = leases.filter((lease) => !lease.down).map((lease) => lease.heardAtMs + ttlMs - nowMs);
  return Math.max(10, Math.min(ttlMs, ...due));
}
