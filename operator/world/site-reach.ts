import type { Consul } from '../../clients/consul/consul.ts';
import { ConsulUnavailable } from '../../clients/consul/errors.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { equal } from '../../mesh/equal.ts';
import { REACH_KEYS, type ReachSeen, type SiteReport, readReport } from '../../mesh/status/reach.ts';
import type { HeldMeshService } from './held-mesh-service.ts';

export interface SiteReachOptions {
  consul: Pick<Consul, 'kvList'>;
  /** Whether any MeshService has instances outside the cluster: without one nobody reports, and nothing is read. */
  anyMachines: () => boolean;
  /** MeshServices that call a service. */
  calls: (service: string) => HeldMeshService[];
  /** Something else is known of how the pods of a service, by its Consul name, are reached from the sites. */
  onChange: (service: string) => void;
  clock: Clock;
  signal: AbortSignal;
  log: Log;
}

export interface SiteReach {
  seen(service: string): ReachSeen;
}

const LOOK_MS = 10_000;

/** Reads what machines outside the cluster reach of the pods that they call: the bridge writes it to Consul's KV. */
export function watchSiteReach({
  consul,
  anyMachines,
  calls,
  onChange,
  clock,
  signal,
  log,
}: SiteReachOptions): SiteReach {
  let reports: SiteReport[] = [];
  let isRead = false;

  async function look(): Promise<void> {
    const entries = anyMachines() ? await consul.kvList(REACH_KEYS) : [];
    const before = reports;
    isRead = true;
    reports = entries.flatMap(({ value }) => readReport(value, clock.now()) ?? []);
    const services = new Set([...before, ...reports].flatMap((report) => Object.keys(report.services)));
    for (const service of services) {
      if (!equal(of(before, service), of(reports, service))) onChange(service);
    }
  }

  async function turns(): Promise<void> {
    while (!signal.aborted) {
      await look().catch((error: unknown) => {
        // The last reading is believed until it is too old. Other parts say that Consul is away.
        if (!(error instanceof ConsulUnavailable)) log.warn({ err: error }, 'could not read what the sites reach');
      });
      await clock.wait(LOOK_MS, signal);
    }
  }
  void turns();

  return {
    seen: (service) => ({
      calledFromSites: calls(service).some(hasMachines),
      isRead,
      reports,
    }),
  };
}

export const hasMachines = ({ meshService }: HeldMeshService): boolean =>
  meshService?.spec.workloads.external !== undefined;

/** Keyed by site, without the times of writing, which are not findings. */
const of = (reports: SiteReport[], service: string): unknown =>
  Object.fromEntries(reports.map((report) => [report.site, report.services[service]]));
