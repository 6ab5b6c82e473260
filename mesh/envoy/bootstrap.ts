import type { ProxySettings } from '../../crds/proxy.ts';
import { type ConsulClusterInput, TYPE, consulCluster, socketAddress } from './consul-cluster.ts';
import { APP_PROBE } from '../proxies/counters.ts';

/**
 * Envoy's bootstrap for a sidecar that talks delta ADS straight to the Consul servers.
 * Fields: https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/bootstrap/v3/bootstrap.proto
 */
export interface BootstrapInput extends ConsulClusterInput {
  datacenter: string;
  /** Consul name of the service. */
  service: string;
  /** The Consul node that the sidecar is registered on. */
  consulNode: string;
  /** Where Envoy's admin listens: loopback only, or a socket file. */
  admin: { port: number } | { socket: string };
  /** Port of /ready and /stats/prometheus, open to the kubelet and to scrapers; undefined = none. */
  readyPort: number | undefined;
  /** Where the app should listen, on loopback: whether it does is tried. Default: it is not tried. */
  appPort?: number | undefined;
  /** Where that port is open; see readyHostOf. `::`, the default, takes IPv4 too. */
  readyHost?: '::' | '0.0.0.0' | undefined;
  stats: ProxySettings['stats'];
  /** Envoy's runtime keys, beside the one that every proxy has. */
  runtime?: Record<string, number> | undefined;
  /** Namespace for the stats tags; default `default`. */
  namespace?: string;
}

/**
 * Where sidecars answer the kubelet, which asks a pod at its first address. One family comes first in a whole cluster, so the
 * address of any pod will do. Kernels differ: one node may be without IPv6 where another has it, and there an Envoy with a listener at `::` ends at once.
 */
export const readyHostOf = (podIp: string): '::' | '0.0.0.0' => (podIp.includes(':') ? '::' : '0.0.0.0');

export const BOOTSTRAP_FILE = 'bootstrap.json';

export function envoyBootstrap(input: BootstrapInput): object {
  const address =
    'port' in input.admin
      ? socketAddress('127.0.0.1', input.admin.port)
      : { pipe: { path: input.admin.socket, mode: 0o660 } };
  return {
    admin: { address },
    node: {
      cluster: input.service,
      // --service-node sets the id; Consul finds the registration by node_name and id.
      metadata: { node_name: input.consulNode, namespace: 'default', partition: 'default' },
    },
    stats_config: {
      stats_tags: [
        fixedTag('local_cluster', input.service),
        fixedTag('consul.source.service', input.service),
        fixedTag('consul.source.namespace', input.namespace ?? 'default'),
        fixedTag('consul.source.datacenter', input.datacenter),
        ...Object.entries(input.stats.tags).map(([name, value]) => fixedTag(name, value)),
      ],
      use_all_default_tags: true,
    },
    enable_dispatcher_stats: input.stats.extra.includes('eventLoop'),
    dynamic_resources: {
      // 0 s: wait for Consul however long it takes, and be ready only with a configuration.
      lds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
      cds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: {
          envoy_grpc: {
            cluster_name: 'consul',
            // Default back-off goes up to 30 s: after a restart of Consul that would be 20 s without news.
            retry_policy: { retry_back_off: { base_interval: '0.1s', max_interval: '1s' } },
          },
        },
      },
    },
    static_resources: {
      clusters: [
        consulCluster(input),
        ...(input.readyPort === undefined ? [] : [adminCluster(address)]),
        ...(input.appPort === undefined ? [] : [appProbe(input.appPort)]),
      ],
      listeners: input.readyPort === undefined ? [] : [readyListener(input.readyHost ?? '::', input.readyPort)],
    },
    layered_runtime: {
      layers: [
        {
          name: 'base',
          static_layer: { 're2.max_program_size.error_level': 1048576, ...input.runtime },
        },
      ],
    },
  };
}

/** In both families. */
const everywhere = (port: number) => ({ socket_address: { address: '::', port_value: port, ipv4_compat: true } });
const fixedTag = (tag_name: string, fixed_value: string) => ({ tag_name, fixed_value });
/**
 * No call goes to this cluster. Envoy connects to the app and hangs up, until that worked once, and then once a day: some
 * servers count clients that say nothing, and shut them out in the end (`max_connect_errors` of MySQL).
 */
const appProbe = (port: number) => ({
  name: `${APP_PROBE}${port}`,
  type: 'STATIC',
  connect_timeout: '1s',
  load_assignment: {
    cluster_name: `${APP_PROBE}${port}`,
    endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress('127.0.0.1', port) } }] }],
  },
  health_checks: [
    {
      timeout: '1s',
      interval: '5s',
      no_traffic_interval: '5s',
      no_traffic_healthy_interval: '86400s',
      unhealthy_threshold: 1,
      healthy_threshold: 1,
      tcp_health_check: {},
    },
  ],
});

const ADMIN_CLUSTER = 'landbridge_admin';

const adminCluster = (address: object) => ({
  name: ADMIN_CLUSTER,
  type: 'STATIC',
  connect_timeout: '1s',
  load_assignment: { cluster_name: ADMIN_CLUSTER, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
});

/** The admin stays on loopback; only these two paths of it can be reached from outside. */
function readyListener(host: '::' | '0.0.0.0', port: number) {
  const route = (path: string) => ({ match: { path }, route: { cluster: ADMIN_CLUSTER } });
  return {
    name: 'landbridge_ready',
    address: host === '::' ? everywhere(port) : socketAddress(host, port),
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
              stat_prefix: 'landbridge_ready',
              route_config: {
                name: 'landbridge_ready',
                virtual_hosts: [
                  { name: 'landbridge_ready', domains: ['*'], routes: [route('/ready'), route('/stats/prometheus')] },
                ],
              },
              http_filters: [
                {
                  name: 'envoy.filters.http.router',
                  typed_config: { '@type': `${TYPE}.extensions.filters.http.router.v3.Router` },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}
