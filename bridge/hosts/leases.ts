import { setImmediate as pendingInput } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { type BrakeRule, type Judgement, judge, judged, nextLapseMs } from '../../mesh/outside/lease.ts';
import type { Host } from './hosts.ts';

/** The one judge of all leases of a bridge. */
export interface Leases {
  /** The host has beaten: its lease begins again, also a lapsed one. */
  heard(host: Host): void;
  /** Judges every site now. Gives how long the judge may sleep, in milliseconds. */
  judgeNow(): number;
  /** Sites whose brake is on, with the silent hosts that only the brake keeps up. */
  brakes(): { site: string; held: string[] }[];
  /**
   * An operator knows better: no brake at this site for `ms`; 0 puts it back into force. The hosts that it holds get one
   * more beat, and lapse. A restarted bridge knows nothing of it. Gives the hosts that were held.
   */
  release(site: string, ms: number): string[];
  /** Sites without a brake, and for how much longer, ms. */
  released(): { site: string; forMs: number }[];
  run(signal: AbortSignal): Promise<void>;
}

export interface LeasesOptions {
  hosts: () => Host[];
  clock: Clock;
  leaseMs: number;
  /** Default: that of mesh/outside/lease.ts. */
  rule?: BrakeRule;
  log: Log;
  /** The lease of `host` has lapsed: mark it down. Must not throw. */
  onLapse: (host: Host) => void;
  /** The brake of a site went on (`held`: the silent hosts) or off. Must not throw. */
  onBrake?: (site: string, held: string[] | undefined) => void;
  /** Called each time before the judge sleeps, for work by the same clock. Must not throw. */
  onJudged: () => void;
  /**
   * Whether the host has an instance that a lapse would take out. A host without an instance does not count in a mass
   * loss, neither as lost nor as live. Default: each host has one.
   */
  inMesh?: (host: Host) => boolean;
}

const NO_BRAKE: BrakeRule = { moreThan: Infinity, share: 1 };

export function createLeases(options: LeasesOptions): Leases {
  const { clock, leaseMs, rule, log, onLapse, inMesh = () => true } = options;
  let braked = new Map<string, string[]>();
  /** The end of the freedom of each site, on the steady clock. */
  const free = new Map<string, number>();

  function judgeNow(): number {
    const now = clock.steady();
    const brakes = new Map<string, string[]>();
    for (const [site, untilMs] of free) if (untilMs <= now) free.delete(site);
    for (const [site, hosts] of bySite(options.hosts())) {
      judgeHosts(
        hosts.filter((host) => !inMesh(host)),
        now,
        NO_BRAKE,
      );
      const judgement = judgeHosts(hosts.filter(inMesh), now, free.has(site) ? NO_BRAKE : rule);
      if (judgement.brake === 'on') brakes.set(site, judgement.heldByBrake);
    }
    tellBrakes(brakes);
    const leases = options.hosts().map((host) => host.lease);
    return nextLapseMs(leases, now, leaseMs);
  }

  function judgeHosts(hosts: Host[], now: number, by: BrakeRule | undefined): Judgement {
    const leases = hosts.map((host) => host.lease);
    const judgement = judge(leases, now, leaseMs, by);
    judged(leases, judgement, now, leaseMs).forEach((lease, index) => {
      const host = hosts[index]!;
      const lapses = lease.down && !host.lease.down;
      host.lease = lease;
      if (lapses) lapse(host);
    });
    return judgement;
  }

  function lapse(host: Host): void {
    host.diedAtMs ??= clock.now();
    log.warn({ site: host.site, host: host.host, leaseMs }, 'lease lapsed');
    onLapse(host);
  }

  function tellBrakes(brakes: Map<string, string[]>): void {
    for (const [site, held] of brakes) {
      if (braked.has(site)) continue;
      log.error({ site, held }, 'mass-loss brake on: silent hosts are kept up');
      options.onBrake?.(site, held);
    }
    for (const site of braked.keys()) {
      if (brakes.has(site)) continue;
      log.warn({ site }, 'mass-loss brake off');
      options.onBrake?.(site, undefined);
    }
    braked = brakes;
  }

  /** A bridge that was stopped or starved could not hear anybody: that time is nobody's silence. */
  function forgive(lostMs: number): void {
    for (const host of options.hosts()) {
      const { extraMs = 0 } = host.lease;
      // A host that has beaten in the meantime needs just a lease.
      const heldUpMs = Math.min(lostMs, clock.steady() - host.lease.heardAtMs);
      if (!host.lease.down) host.lease = { ...host.lease, extraMs: extraMs + heldUpMs };
    }
    log.warn({ lostMs: Math.round(lostMs) }, 'the bridge was held up: every lease is longer by that');
  }

  return {
    heard(host) {
      if (host.lease.down) log.info({ site: host.site, host: host.host }, 'lease held again');
      host.lease = { host: host.host, heardAtMs: clock.steady(), down: false };
      host.heardHere = true;
      host.diedAtMs = undefined;
    },
    judgeNow,
    brakes: () => [...braked].map(([site, held]) => ({ site, held })),
    release(site, ms) {
      if (ms > 0) free.set(site, clock.steady() + ms);
      else free.delete(site);
      log.warn({ site, forMs: ms, held: braked.get(site) ?? [] }, 'mass-loss brake released by an operator');
      return braked.get(site) ?? [];
    },
    released() {
      const left = [...free].map(([site, untilMs]) => ({ site, forMs: Math.round(untilMs - clock.steady()) }));
      return left.filter(({ forMs }) => forMs > 0);
    },
    async run(signal) {
      while (!signal.aborted) {
        // Short naps: of the nap that was too long, nobody knows when it was that the bridge stopped.
        const sleepMs = Math.min(judgeNow(), leaseMs / 6);
        options.onJudged();
        const dueMs = clock.steady() + sleepMs;
        await clock.wait(sleepMs, signal);
        // Beats that have arrived already are read before anybody is judged.
        await pendingInput();
        const lateMs = clock.steady() - dueMs;
        if (lateMs >= leaseMs / 6) forgive(sleepMs + lateMs);
      }
    },
  };
}

function bySite(hosts: Host[]): Map<string, Host[]> {
  const sites = new Map<string, Host[]>();
  for (const host of hosts) {
    const others = sites.get(host.site);
    if (others === undefined) sites.set(host.site, [host]);
    else others.push(host);
  }
  return sites;
}
