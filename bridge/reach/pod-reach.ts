import type { Consul } from '../../clients/consul/consul.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { MAX_PROBES, type ProbeResult, type ProbeTarget } from '../../mesh/outside/bridge-shapes.ts';
import { equal } from '../../mesh/equal.ts';
import { REACH_KEYS, REPORT_AGAIN_MS, type SiteReport, type Unreached } from '../../mesh/status/reach.ts';
import { type MeshServices, deciding } from '../admission.ts';
import type { Host, Hosts } from '../hosts/hosts.ts';
import { hostPort } from '../../base/host-port.ts';
import { createPool } from '../../base/pool.ts';
import { reachSidecar } from './try-sidecar.ts';

/**
 * Whether machines reach the pods that they call. The bridge is often a pod itself, so its own tries say little about a site: it chooses the targets, the machines try, and it writes their results, one key a site, for the operator.
 *
 *   host --POST /v1/probe--> targets --TCP by the host--> results --each 15 s--> landbridge/reach/SITE
 */
export interface PodReach {
  /** A sample of the pods of each service that services of the host call. Throws what Consul throws. */
  targets(host: Host): Promise<ProbeTarget[]>;
  note(host: Host, results: ProbeResult[]): Promise<void>;
  /** From one probe of a host to its next: longer the more hosts a site has. */
  periodMs(site: string): number;
  /** Writes reports until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface PodReachOptions {
  consul: Pick<Consul, 'health' | 'kvGet' | 'kvList' | 'kvCas' | 'kvDelete'>;
  meshServices: MeshServices;
  hosts: Pick<Hosts, 'all'>;
  clock: Clock;
  log: Log;
  /** 0 <= random() < 1. */
  random: () => number;
  /** Whether this is the active bridge. Must not throw. */
  mayWrite: () => Promise<boolean>;
  /** Default: a TLS handshake with the sidecar. */
  reach?: typeof reachSidecar;
}

interface Found extends ProbeResult {
  site: string;
  host: string;
  atMs: number;
}

const PERIOD_MS = 30_000;
/** All hosts of a site together ask at most twice a second. */
const PER_HOST_MS = 500;
const PODS_A_SERVICE = 3;
const PODS_GOOD_MS = 5000;
const TICK_MS = 15_000;
const JITTER = 0.2;
/** A result is believed for so many periods. */
const GOOD_PERIODS = 3;

export function createPodReach(options: PodReachOptions): PodReach {
  const { consul, meshServices, hosts, clock, log, random, reach = reachSidecar } = options;
  const pool = createPool(8);
  const pods = new Map<string, { atMs: number; list: Promise<ProbeTarget[]> }>();
  const found = new Map<string, Found>();
  const written = new Map<string, { report: SiteReport; atMs: number }>();

  const periodMs = (site: string): number =>
    Math.max(PERIOD_MS, PER_HOST_MS * hosts.all().filter((host) => host.site === site).length);

  const calledBy = ({ held }: Host): string[] => {
    const upstreams = (held?.record.services ?? []).flatMap(
      (service) => deciding(meshServices, service)?.upstreams ?? [],
    );
    return [...new Set(upstreams.map(({ service }) => service))].sort();
  };

  /** Pods that take traffic; asked of Consul once for all who want to know within some seconds. */
  function podsOf(service: string): Promise<ProbeTarget[]> {
    const known = pods.get(service);
    if (known !== undefined && clock.steady() - known.atMs < PODS_GOOD_MS) return known.list;
    const list = consul
      .health(service, { connect: true })
      .then((instances) =>
        instances.flatMap(({ address, status, service: { Meta, Port } }) =>
          Meta.platform === 'pod' && status === 'passing' && address !== '' ? [{ service, address, port: Port }] : [],
        ),
      );
    pods.set(service, { atMs: clock.steady(), list });
    list.catch(() => pods.delete(service));
    return list;
  }

  async function report(site: string, results: Found[]): Promise<SiteReport> {
    const services: SiteReport['services'] = {};
    for (const service of [...new Set(results.map((result) => result.service))].sort()) {
      const there = await podsOf(service);
      const tried = there
        .map((pod) => results.filter((result) => isOf(pod, result)))
        .filter(({ length }) => length > 0);
      const lost = tried.flatMap((each) => each.find(({ ok }) => !ok) ?? []);
      if (tried.length === 0) continue;
      const unreached = await Promise.all(lost.slice(0, PODS_A_SERVICE).map(asTold));
      services[service] = { reached: tried.length - lost.length, unreached };
    }
    return { site, at: new Date(clock.now()).toISOString(), services };
  }

  async function asTold({ service, address, port, host, output }: Found): Promise<Unreached> {
    const { ok } = await pool.run(() => reach({ address, port, service }));
    return { address: hostPort(address, port), host, output, bridgeReaches: ok };
  }

  async function tell(next: SiteReport): Promise<void> {
    const before = written.get(next.site);
    const same = before !== undefined && equal(before.report.services, next.services);
    if (same && clock.steady() - before.atMs < REPORT_AGAIN_MS) return;
    const key = `${REACH_KEYS}${next.site}`;
    const held = await consul.kvGet(key);
    if (!(await consul.kvCas(key, JSON.stringify(next), held?.modifyIndex ?? 0))) return;
    written.set(next.site, { report: next, atMs: clock.steady() });
    if (!same) log.info({ site: next.site, services: next.services }, 'what the site reaches of pods has changed');
  }

  async function tick(startedMs: number): Promise<void> {
    const now = clock.steady();
    for (const [key, { site, atMs }] of found) {
      if (now - atMs > GOOD_PERIODS * periodMs(site)) found.delete(key);
    }
    const sites = new Set([...found.values()].map(({ site }) => site));
    for (const site of sites) {
      const results = [...found.values()].filter((one) => one.site === site);
      await tell(await report(site, results));
    }
    // A bridge that has just begun knows no result yet. The earlier report stands until every host had a turn.
    for (const { key } of await consul.kvList(REACH_KEYS)) {
      const site = key.slice(REACH_KEYS.length);
      if (sites.has(site) || now - startedMs < GOOD_PERIODS * periodMs(site)) continue;
      await consul.kvDelete(key);
      written.delete(site);
    }
  }

  return {
    periodMs,
    async targets(host) {
      const lists = await Promise.all(calledBy(host).map(podsOf));
      return lists.flatMap((list) => sample(list, PODS_A_SERVICE, random)).slice(0, MAX_PROBES);
    },
    async note(host, results) {
      const called = calledBy(host);
      for (const result of results.filter(({ service }) => called.includes(service))) {
        // Results without a request are not kept.
        if (!(await podsOf(result.service)).some((pod) => isOf(pod, result))) continue;
        const key = [host.site, host.host, result.service, hostPort(result.address, result.port)].join(' ');
        found.set(key, { ...result, site: host.site, host: host.host, atMs: clock.steady() });
      }
    },
    async run(signal) {
      const startedMs = clock.steady();
      while (!signal.aborted) {
        await clock.wait(TICK_MS * (1 - JITTER + 2 * JITTER * random()), signal);
        if (signal.aborted || !(await options.mayWrite())) continue;
        await tick(startedMs).catch((error: unknown) => log.warn({ err: error }, 'what sites reach was not written'));
      }
    },
  };
}

const isOf = (pod: ProbeTarget, result: ProbeTarget): boolean =>
  pod.service === result.service && pod.address === result.address && pod.port === result.port;

/** `size` of them at random, each once. */
function sample<T>(list: T[], size: number, random: () => number): T[] {
  const left = [...list];
  return Array.from({ length: Math.min(size, left.length) }, () => {
    const [one] = left.splice(Math.floor(random() * left.length), 1);
    return one!;
  });
}
