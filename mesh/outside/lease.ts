/**
 * Leases of off-cluster hosts, judged on one local monotonic clock (milliseconds).
 *
 *   held --(nothing heard for ttl)--> lapsed --(heard)--> held
 *
 * A lapsed host's instances turn critical at once. The mass-loss brake: when many hosts of a site lapse together, the
 * bridge assumes that it, not they, lost the network, and marks none of them down until it hears from enough again.
 * Those it has not heard from by then get one more beat before they lapse: they may be on their way back, too.
 */
export interface Lease {
  host: string;
  /** When the host was last heard. After a restart of the bridge: its start, so that everybody gets a full lease. */
  heardAtMs: number;
  /** Marked down in Consul already. */
  down: boolean;
  /** Only the brake kept it up, when it was judged last. */
  heldByBrake?: boolean;
  /** This lease is longer than others by so much: after a brake, or when the bridge itself was held up. Default 0. */
  extraMs?: number;
}

export interface BrakeRule {
  /** More than this many hosts (default 3) ... */
  moreThan: number;
  /** ... and more than this share of the site's live hosts (default 0.3). */
  share: number;
}

export const DEFAULT_LEASE_MS = 6000;
const DEFAULT_BRAKE: BrakeRule = { moreThan: 3, share: 0.3 };

export interface Judgement {
  /** Hosts to mark down now. */
  lapse: string[];
  /** Hosts that were down and have beaten again. */
  revive: string[];
  brake: 'off' | 'on';
  /** Silent hosts that only the brake keeps up. */
  heldByBrake: string[];
  /** Silent hosts that the brake holds no longer: they get another beat. */
  release: string[];
}

/**
 * An agent beats three times a lease, so silence of 0.6 leases is at least one beat missed. When the first host of a
 * mass loss lapses, all the others are past this mark already: the brake sees them together, in any phase.
 */
const SUSPECT_SHARE = 0.6;
/** A beat is due every third of a lease; somewhat more, for it has to arrive. */
const ONE_MORE_BEAT_SHARE = 0.4;

/** Judges all leases of one site. `judged` gives each lease after it. */
export function judge(leases: Lease[], nowMs: number, ttlMs: number, rule: BrakeRule = DEFAULT_BRAKE): Judgement {
  const silenceMs = (lease: Lease): number => nowMs - lease.heardAtMs;
  const fresh = leases.filter((lease) => !lease.down && silenceMs(lease) >= ttlMs + (lease.extraMs ?? 0));
  const suspects = leases.filter(
    (lease) => silenceMs(lease) >= SUSPECT_SHARE * ttlMs && (!lease.down || silenceMs(lease) < 2 * ttlMs),
  );
  // Hosts that were down long before do not count as part of the site: neither lost now nor able to be lost.
  const live = leases.filter((lease) => !lease.down || silenceMs(lease) < 2 * ttlMs).length;
  const brake = fresh.length > 0 && suspects.length > rule.moreThan && suspects.length > rule.share * live;
  const names = (of: Lease[]): string[] => of.map((lease) => lease.host).sort();
  return {
    lapse: brake ? [] : names(fresh.filter((lease) => !lease.heldByBrake)),
    revive: names(leases.filter((lease) => lease.down && silenceMs(lease) < ttlMs)),
    brake: brake ? 'on' : 'off',
    heldByBrake: brake ? names(fresh) : [],
    release: brake ? [] : names(fresh.filter((lease) => lease.heldByBrake)),
  };
}

/** The leases after the judgement of their site at `nowMs`, in the order given. Those that are not named in it stay the same objects. */
export function judged(leases: Lease[], judgement: Judgement, nowMs: number, ttlMs: number): Lease[] {
  const { lapse, revive, heldByBrake, release } = judgement;
  if (lapse.length + revive.length + heldByBrake.length + release.length === 0) return leases;
  const lapsing = new Set(lapse);
  const reviving = new Set(revive);
  const held = new Set(heldByBrake);
  const released = new Set(release);
  return leases.map((lease) => {
    const { host, heardAtMs } = lease;
    if (lapsing.has(host)) return { ...lease, down: true };
    if (reviving.has(host)) return { host, heardAtMs, down: false };
    if (held.has(host)) return lease.heldByBrake ? lease : { ...lease, heldByBrake: true };
    if (!released.has(host)) return lease;
    return { ...lease, heldByBrake: false, extraMs: nowMs - heardAtMs - ttlMs + ONE_MORE_BEAT_SHARE * ttlMs };
  });
}

/** How soon a brake that is on is looked at again: a beat releases it, and a beat wakes nobody. */
const BRAKED_SHARE = 1 / 12;

/** When the next lease can lapse: how long a judge may sleep. At least 10 ms, at most ttl. */
export function nextLapseMs(leases: Lease[], nowMs: number, ttlMs: number): number {
  const due = leases
    .filter((lease) => !lease.down)
    .map((lease) =>
      lease.heldByBrake ? BRAKED_SHARE * ttlMs : lease.heardAtMs + ttlMs + (lease.extraMs ?? 0) - nowMs,
    );
  return Math.max(10, Math.min(ttlMs, ...due));
}
