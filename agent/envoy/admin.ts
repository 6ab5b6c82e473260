import { request } from 'node:http';

import { type AppCalls, NO_CALLS } from '../../mesh/proxies/app-calls.ts';
import { ACCEPTED, CALLS, type Updates, readCounters } from '../../mesh/proxies/counters.ts';

import { type EnvoyVersion, versionIn } from './binary.ts';

/** Asks an Envoy's admin socket (https://www.envoyproxy.io/docs/envoy/latest/operations/admin). */
export interface EnvoyAnswer {
  /** `LIVE`: it has its configuration; the other states are all on the way there, or on the way out. */
  live: boolean;
  /** Local ports of its open listeners. */
  ports: number[];
  /** It has a stream to Consul; without one it goes on with what it has. */
  connected: boolean;
  /** Subscriptions that have refused an update since the process began. */
  updates: Updates[];
  /** Calls that it passed on to the app since the process began. */
  calls: AppCalls;
}

/** Throws when the process does not answer within `timeoutMs`. */
export async function askEnvoy(socketPath: string, timeoutMs: number): Promise<EnvoyAnswer> {
  const signal = AbortSignal.timeout(timeoutMs);
  const ready = await get(socketPath, '/ready', signal);
  const stats = await get(socketPath, `/stats?usedonly&filter=${encodeURIComponent(ASKED)}`, signal);
  const connected = hasStream(stats.body);
  const { calls = NO_CALLS, ...counters } = readCounters(stats.body);
  let { updates } = counters;
  if (updates.length > 0) {
    const times = await get(socketPath, `/stats?usedonly&filter=${encodeURIComponent(ACCEPTED)}`, signal);
    ({ updates } = readCounters(`${stats.body}\n${times.body}`));
  }
  if (ready.status !== 200) return { live: false, ports: [], connected, updates, calls };
  const { body } = await get(socketPath, '/listeners?format=json', signal);
  return { live: true, ports: portsOf(JSON.parse(body)), connected, updates, calls };
}

const ASKED = `^control_plane\\.connected_state$|^cluster\\.consul\\.upstream_rq_pending_active$|update_rejected$|${CALLS}`;

/** Envoy counts itself connected also while its stream waits for a connection, which never comes where a firewall drops it. */
const hasStream = (stats: string): boolean =>
  /^control_plane\.connected_state: 1$/m.test(stats) &&
  !/^cluster\.consul\.upstream_rq_pending_active: [1-9]/m.test(stats);

/** Its version, and that of its hot restart. */
export async function askEnvoyVersion(socketPath: string, timeoutMs: number): Promise<EnvoyVersion | undefined> {
  const { body } = await get(socketPath, '/server_info', AbortSignal.timeout(timeoutMs));
  const { version: name = '', hot_restart_version: hotRestart = '' } = JSON.parse(body) as Record<string, string>;
  const version = versionIn(name);
  return version === undefined ? undefined : { version, hotRestart };
}

/** The failure of a configured listener, for example to bind its port; undefined: all listeners work. */
export async function listenerProblem(socketPath: string, timeoutMs: number): Promise<string | undefined> {
  const path = '/config_dump?resource=dynamic_listeners';
  const { body } = await get(socketPath, path, AbortSignal.timeout(timeoutMs));
  const { configs } = JSON.parse(body) as { configs?: { error_state?: { details?: string } }[] };
  return configs?.map((listener) => listener.error_state?.details).find(Boolean);
}

/** Whether the listener of this local port speaks HTTP, or passes bytes on; undefined: without such a listener. */
export async function isHttpListener(
  socketPath: string,
  port: number,
  timeoutMs: number,
): Promise<boolean | undefined> {
  const path = '/config_dump?resource=dynamic_listeners';
  const { body } = await get(socketPath, path, AbortSignal.timeout(timeoutMs));
  const { configs = [] } = JSON.parse(body) as { configs?: { active_state?: { listener?: DumpedListener } }[] };
  const found = configs
    .map(({ active_state }) => active_state?.listener)
    .find((listener) => listener?.address?.socket_address?.port_value === port);
  return found && JSON.stringify(found).includes('envoy.filters.network.http_connection_manager');
}

/**
 * Connections to an upstream's local port that were ended because the client spoke HTTP/1.0 or no HTTP, since the process
 * began. Envoy answers HTTP/1.0 with 426, and Consul has no place to change that.
 */
export async function protocolErrors(socketPath: string, service: string, timeoutMs: number): Promise<number> {
  const name = `^http\\.upstream\\.${service}\\..*downstream_cx_protocol_error$`;
  const path = `/stats?usedonly&filter=${encodeURIComponent(name)}`;
  const { body } = await get(socketPath, path, AbortSignal.timeout(timeoutMs));
  return body.split('\n').reduce((sum, line) => sum + Number(/: (\d+)$/.exec(line)?.[1] ?? 0), 0);
}

interface DumpedListener {
  address?: { socket_address?: { port_value?: number } };
}

interface ListenerStatuses {
  listener_statuses?: { local_address?: { socket_address?: { port_value?: number } } }[];
}

const portsOf = (answer: ListenerStatuses): number[] =>
  (answer.listener_statuses ?? [])
    .map((listener) => listener.local_address?.socket_address?.port_value)
    .filter((port) => port !== undefined);

function get(socketPath: string, path: string, signal: AbortSignal): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, signal, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (body += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    asked.once('error', reject);
    asked.end();
  });
}
