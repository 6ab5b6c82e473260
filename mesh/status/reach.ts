import { z } from 'zod';
import { HOST_PORTS, type MeshService } from '../../crds/mesh-service.ts';
import { REASONS, type Reason } from '../../crds/reasons.ts';
import { forbidsHostPorts, hostPortForbidden } from '../traffic/host-port.ts';
import type { Intent } from '../service/desired.ts';

/** Keys in Consul's KV below which the active bridge writes what each site reaches; the operator reads them. */
export const REACH_KEYS = 'landbridge/reach/';

/** A report is written again at least this often, and believed for three times as long. */
export const REPORT_AGAIN_MS = 300_000;
const REPORT_GOOD_MS = 3 * REPORT_AGAIN_MS;

const unreached = z.object({
  /** `address:port` of the sidecar as it is registered. */
  address: z.string(),
  /** The machine that tried. */
  host: z.string(),
  /** The result, in a few words. */
  output: z.string(),
  /** Whether the bridge reaches it from where it runs. */
  bridgeReaches: z.boolean(),
});
/** The findings of machines of one site when they tried the sidecars of pods that they call. */
const siteReport = z.object({
  site: z.string(),
  /** RFC 3339. */
  at: z.string(),
  /** Keyed by the Consul name of the called service. */
  services: z.record(z.string(), z.object({ reached: z.number(), unreached: z.array(unreached) })),
});
export type SiteReport = z.output<typeof siteReport>;
export type Unreached = z.output<typeof unreached>;

/** Undefined for text that is not a report, or too old to be believed. */
export function readReport(text: string, nowMs: number): SiteReport | undefined {
  try {
    const report = siteReport.parse(JSON.parse(text));
    return nowMs - Date.parse(report.at) > REPORT_GOOD_MS ? undefined : report;
  } catch {
    return undefined;
  }
}

/** The knowledge about how the pods of one MeshService are reached from outside. */
export interface ReachSeen {
  /** Whether a MeshService that machines outside the cluster may be instances of calls it. */
  calledFromSites: boolean;
  /** false: the reports have not been read since this operator began to lead. Default: true. */
  isRead?: boolean;
  reports: SiteReport[];
}

export interface ReachVerdict {
  status: 'True' | 'False' | 'Unknown';
  reason: Reason;
  message: string;
}

/** Undefined where the question does not arise: nobody outside calls it, and nothing was asked for. */
export function reachVerdict(intent: Intent, service: string, seen: ReachSeen): ReachVerdict | undefined {
  const { meshService, podSecurity } = intent;
  if (meshService?.spec.workloads.pods === undefined) return undefined;
  const { reach } = meshService.spec;
  if (reach === 'pod' && !seen.calledFromSites) return undefined;
  if (reach === 'hostPort') {
    if (forbidsHostPorts(podSecurity)) {
      return verdict('False', 'HostPortForbidden', hostPortForbidden(meshService, podSecurity!));
    }
    const without = intent.pods.filter(
      ({ injected, finished, terminating, hostPort }) =>
        injected && !finished && !terminating && hostPort === undefined,
    );
    if (without[0] !== undefined) return verdict('False', 'PodsWithoutHostPort', madeBefore(intent, without));
  }
  const found = seen.reports.flatMap(({ site, services }) => {
    const of = services[service];
    return of === undefined ? [] : [{ site, ...of }];
  });
  const failing = found.filter((each) => each.unreached.length > 0);
  if (failing.length > 0) {
    const sentences = failing.map(({ site, unreached: [first] }) => `from site ${site}: ${unreachedSentence(first!)}`);
    return verdict('False', 'NotReachedFromSite', `${sentences.join('; ')}. ${whatToDo(meshService, failing)}`);
  }
  const sites = found.map(({ site }) => site);
  if (sites.length === 0) return verdict('Unknown', 'NotProbed', REASONS.NotProbed);
  return verdict('True', 'ReachedFromSites', `${REASONS.ReachedFromSites} Tried from: ${sites.sort().join(', ')}.`);
}

/** One or none: with the sentence about instances outside the cluster of which calls may fail. */
export function withDoubt(pods: ReachVerdict | undefined, doubt: string | undefined): ReachVerdict[] {
  if (doubt === undefined) return pods === undefined ? [] : [pods];
  if (pods?.status !== 'False') return [verdict('False', 'InstanceInDoubt', doubt)];
  return [{ ...pods, message: `${pods.message}. ${doubt}` }];
}

const verdict = (status: ReachVerdict['status'], reason: Reason, message: string): ReachVerdict => ({
  status,
  reason,
  message,
});

const unreachedSentence = ({ host, address, output, bridgeReaches }: Unreached): string =>
  `${host} does not reach ${address} (${output}), ${bridgeReaches ? 'which the bridge reaches' : 'nor does the bridge'}`;

/** Where the bridge gets through the pod is well, and a way from the site is missing. */
function whatToDo(meshService: MeshService, failing: { unreached: Unreached[] }[]): string {
  const notEvenBridge = failing.every(({ unreached: all }) => all.every(({ bridgeReaches }) => !bridgeReaches));
  if (meshService.spec.reach === 'hostPort') {
    const open = `let the sites through to ports ${HOST_PORTS.first} to ${HOST_PORTS.last} of the nodes`;
    return notEvenBridge ? `Look whether the network plugin serves host ports (portmap), and ${open}` : capital(open);
  }
  return 'Route the pod network to the sites, or set spec.reach: hostPort and restart the pods';
}

const capital = (sentence: string): string => sentence.charAt(0).toUpperCase() + sentence.slice(1);

const madeBefore = ({ namespace }: Intent, without: Intent['pods']): string =>
  `${without.length} pod(s), for example ${without[0]!.name}, were made without a port of their node and are reached at their own addresses: kubectl -n ${namespace} rollout restart deployment`;
