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

/** Judges all leases of one site. The brake counts hosts that fell silent within the last two leases, since those "lapse together". */
export function judge(leases: Lease[], nowMs: number, ttlMs: number, rule: BrakeRule = DEFAULT_BRAKE): Judgement {
  const silent = leases.filter((lease) => nowMs - lease.heardAtMs >= ttlMs);
  const fresh = silent.filter((lease) => !lease.down);
  const together = silent.filter((lease) => !lease.down || nowMs - lease.heardAtMs < 2 * ttlMs);
  const live = leases.length - silent.length + together.length;
  const brake = together.length > rule.moreThan && together.length > rule.share * live && fresh.length > 0;
  return {
    lapse: brake ? [] : fresh.map((lease) => lease.host).sort(),
    revive: leases
      .filter((lease) => lease.down && nowMs - lease.heardAtMs < ttlMs)
      .map((lease) => lease.host)
      .sort(),
    brake: brake ? 'on' : 'off',
    heldByBrake: brake ? fresh.map((lease) => lease.host).sort() : [],
  };
}

/** When the next lease can lapse: how long a judge may sleep. At least 10 ms, at most ttl. */
export function nextLapseMs(leases: Lease[], nowMs: number, ttlMs: number): number {
  const due = leases.filter((lease) => !lease.down).map((lease) => lease.heardAtMs + ttlMs - nowMs);
  return Math.max(10, Math.min(ttlMs, ...due));
}
