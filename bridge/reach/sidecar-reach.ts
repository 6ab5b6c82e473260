import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Host, Hosts } from '../hosts/hosts.ts';
import type { NodeWriter } from '../node-writer.ts';
import { createPool } from '../../base/pool.ts';
import { reachMachine, reachSentence, tellsNothing } from './try-sidecar.ts';

/**
 * Whether the cluster reaches the sidecars of machines: the bridge, which is a pod in most installations, repeats the
 * handshake that joining makes.
 *
 *   passing --at once--> tried --reached--> each minute
 *                          |
 *                          +--not reached--> after 5 s --not reached--> told; each 15 s --reached--> taken back
 *
 * A result is told and never acted upon: other callers may take another way, see ADR 78.
 */
export interface SidecarReach {
  /** Why calls from the cluster do not arrive at the instance; undefined: they do, or nobody knows. */
  problemOf(host: Host, id: string): string | undefined;
  /** Tries sidecars until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface SidecarReachOptions {
  hosts: Pick<Hosts, 'all'>;
  writer: Pick<NodeWriter, 'held'>;
  /** Default: a TLS handshake. */
  reach?: typeof reachMachine | undefined;
  clock: Clock;
  log: Log;
  /** 0 <= random() < 1. */
  random: () => number;
}

const TICK_MS = 1000;
/** All machines together: tries begun in one tick, and tries under way. */
const TRIES_A_TICK = 16;
const TRIES_AT_A_TIME = 8;
const AGAIN_MS = { reached: 60_000, doubted: 5000, lost: 15_000 };
const JITTER = 0.2;
/** One lost packet does not count. */
const FAILURES = 2;

interface Target {
  host: Host;
  id: string;
  service: string;
  address: string;
  port: number;
}

interface Tried {
  /** The sidecar's place: another one is tried at once. */
  at: string;
  dueMs: number;
  underWay: boolean;
  failures: number;
  problem: string | undefined;
}

export function createSidecarReach(options: SidecarReachOptions): SidecarReach {
  const { hosts, writer, reach = reachMachine, clock, log, random } = options;
  const pool = createPool(TRIES_AT_A_TIME);
  const tries = new Map<string, Tried>();

  const targets = (): Target[] => hosts.all().flatMap((host) => (host.lease.down ? [] : targetsOf(host, writer)));

  /** Forgets instances that are gone or down: once they pass again they are tried at once. */
  function due(now: Target[], nowMs: number): { target: Target; tried: Tried }[] {
    const known = new Set(now.map(keyOf));
    for (const key of tries.keys()) if (!known.has(key)) tries.delete(key);
    const waiting = now.flatMap((target) => {
      const at = `${target.address} ${target.port}`;
      let tried = tries.get(keyOf(target));
      if (tried?.at !== at) {
        tried = { at, dueMs: nowMs, underWay: false, failures: 0, problem: undefined };
        tries.set(keyOf(target), tried);
      }
      return tried.underWay || tried.dueMs > nowMs ? [] : [{ target, tried }];
    });
    return waiting.sort((a, b) => a.tried.dueMs - b.tried.dueMs).slice(0, TRIES_A_TICK - pool.busy);
  }

  async function tryOne({ host, service, address, port }: Target, tried: Tried): Promise<void> {
    tried.underWay = true;
    const reached = await pool.run(() => reach({ address, port, service }, host.calledFrom ?? ''));
    tried.underWay = false;
    tried.failures = reached.ok ? 0 : tried.failures + 1;
    const before = tried.problem;
    tried.problem = tried.failures < FAILURES ? undefined : reachSentence(reached, host.host, port);
    const againMs = reached.ok ? AGAIN_MS.reached : tried.problem === undefined ? AGAIN_MS.doubted : AGAIN_MS.lost;
    tried.dueMs = clock.steady() + againMs * (1 - JITTER + 2 * JITTER * random());
    if (before === tried.problem) return;
    const where = { site: host.site, host: host.host, service, problem: tried.problem };
    if (tried.problem === undefined) log.info(where, 'the sidecar of a machine is reached again');
    else log.warn(where, 'the sidecar of a machine is not reached from the cluster');
  }

  return {
    problemOf: (host, id) => tries.get(keyOf({ host, id }))?.problem,
    async run(signal) {
      while (!signal.aborted) {
        await clock.wait(TICK_MS, signal);
        if (signal.aborted) return;
        for (const { target, tried } of due(targets(), clock.steady())) void tryOne(target, tried);
      }
    },
  };
}

const keyOf = ({ host, id }: Pick<Target, 'host' | 'id'>): string => `${host.node} ${id}`;

/** Healthy instances that somebody may call: one without a port only calls others. */
function targetsOf(host: Host, writer: Pick<NodeWriter, 'held'>): Target[] {
  const registrations = writer.held(host.node)?.registrations ?? {};
  return Object.values(registrations).flatMap(({ service: { Address, Port, Proxy }, checks }) => {
    const id = Proxy?.DestinationServiceID;
    if (id === undefined || (registrations[id]?.service.Port ?? 0) === 0) return [];
    const target = { host, id, service: Proxy!.DestinationServiceName, address: Address, port: Port };
    return checks.every(({ Status }) => Status === 'passing') && !tellsNothing(target) ? [target] : [];
  });
}
