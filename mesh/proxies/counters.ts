import { type AppCalls, NO_CALLS } from './app-calls.ts';

/**
 * An Envoy's counters for its updates from Consul, and for its way to the app.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/mgmt_server
 */
export const UPDATE_KINDS = ['listener', 'cluster', 'route', 'endpoints', 'secret'] as const;
export type UpdateKind = (typeof UPDATE_KINDS)[number];

/** One subscription of an Envoy: its listeners, its clusters, or the routes of one upstream. */
export interface Updates {
  /** Its name in the statistics; all but letters and digits is `_`. */
  subscription: string;
  kind: UpdateKind;
  /** Updates that were refused since the process began. */
  rejected: number;
  /** When the last one was taken, ms since 1970 by the clock of its machine; undefined: none was, or it is not known. */
  acceptedAtMs: number | undefined;
}

export interface ProxyCounters {
  updates: Updates[];
  /** Connections to the app that were tried for calls, and those of them that failed. */
  connects: number;
  connectFails: number;
  /** Default: none was passed on. */
  calls?: AppCalls;
  /** The result of the probe of the app's port; undefined: this Envoy does not try it. */
  probe: AppProbe | undefined;
}

interface AppProbe {
  port: number;
  /** Something accepted a connection at 127.0.0.1. */
  listening: boolean;
  /** Connections that were tried. */
  tries: number;
}

/** The probe's cluster is called so, and the port follows; see mesh/envoy/bootstrap.ts. */
export const APP_PROBE = 'landbridge_app_';

/** Regular expressions for the counters' names; Envoy leaves out counters that are 0. */
export const CALLS = '^cluster\\.local_app\\.upstream_(cx_protocol_error|cx_destroy_remote_with_active_rq|rq_[1-4]xx)$';
export const COUNTERS = `update_rejected$|^cluster\\.local_app\\.upstream_cx_(connect_fail|total)$|${CALLS}|^cluster\\.${APP_PROBE}\\d+\\.(health_check\\.attempt|membership_healthy)$`;
export const ACCEPTED = 'update_time$';

/** Reads `/stats/prometheus` and `/stats` alike, and passes over all other counters. */
export function readCounters(text: string): ProxyCounters {
  const rejected = new Map<string, number>();
  const accepted = new Map<string, number>();
  const counters: ProxyCounters = { updates: [], connects: 0, connectFails: 0, probe: undefined };
  const calls = { ...NO_CALLS };
  const probes = new Map<number, AppProbe>();
  for (const line of text.split('\n')) {
    const found = asPrometheus(line) ?? asText(line);
    if (found === undefined) continue;
    const { name, value } = found;
    const probe = PROBE.exec(name);
    if (probe !== null) {
      const port = Number(probe[1]);
      const before = probes.get(port) ?? { port, listening: false, tries: 0 };
      const is = probe[2] === 'membership_healthy' ? { listening: value > 0 } : { tries: value };
      probes.set(port, { ...before, ...is });
    } else if (name === 'cluster_local_app_upstream_cx_connect_fail') counters.connectFails = value;
    else if (name === 'cluster_local_app_upstream_cx_total') counters.connects = value;
    else if (name === 'cluster_local_app_upstream_cx_protocol_error') calls.protocolErrors = value;
    else if (name === 'cluster_local_app_upstream_cx_destroy_remote_with_active_rq') calls.closed = value;
    else if (ANSWERED.test(name)) calls.answered += value;
    else if (name.endsWith('_update_rejected')) rejected.set(name.slice(0, -'_update_rejected'.length), value);
    else if (name.endsWith('_update_time')) accepted.set(name.slice(0, -'_update_time'.length), value);
  }
  counters.probe = [...probes.values()][0];
  if (Object.values(calls).some((count) => count > 0)) counters.calls = calls;
  for (const [subscription, count] of rejected) {
    const kind = kindOf(subscription);
    if (kind === undefined || count === 0) continue;
    counters.updates.push({ subscription, kind, rejected: count, acceptedAtMs: accepted.get(subscription) });
  }
  return counters;
}

const PROBE = new RegExp(`^cluster_${APP_PROBE}(\\d+)_(health_check_attempt|membership_healthy)$`);

const ANSWERED = /^cluster_local_app_upstream_rq_[1-4]xx$/;

/** Letters and digits are all that Prometheus leaves of a name. */
export const plain = (name: string): string => name.replace(/[^A-Za-z0-9]/g, '_');

/** Prometheus cuts a name of Envoy's into a name and labels; the name of a cluster and the class of a status are put back here. */
function asPrometheus(line: string): { name: string; value: number } | undefined {
  const found = /^envoy_(\w+)\{(.*)\} (\d+(?:\.\d+)?(?:e\+?\d+)?)$/.exec(line);
  if (found === null) return undefined;
  const [, metric = '', labels = '', value = ''] = found;
  const cluster = /envoy_cluster_name="([^"]*)"/.exec(labels)?.[1];
  const name = cluster === undefined ? metric : metric.replace(/^cluster_/, () => `cluster_${plain(cluster)}_`);
  const statusClass = /envoy_response_code_class="(\d)"/.exec(labels)?.[1];
  return { name: statusClass === undefined ? name : name.replace(/_xx$/, `_${statusClass}xx`), value: Number(value) };
}

function asText(line: string): { name: string; value: number } | undefined {
  const found = /^([^ ]+): (\d+)$/.exec(line);
  return found === null ? undefined : { name: plain(found[1]!), value: Number(found[2]) };
}

function kindOf(subscription: string): UpdateKind | undefined {
  if (subscription === 'listener_manager_lds') return 'listener';
  if (subscription === 'cluster_manager_cds') return 'cluster';
  if (subscription.startsWith('http_') && subscription.includes('_rds_')) return 'route';
  if (subscription.startsWith('sds_')) return 'secret';
  return subscription.startsWith('cluster_') ? 'endpoints' : undefined;
}
