import type { ProxySettings } from '../../crds/proxy.ts';
import type { Judgement } from '../traffic/banner.ts';

/** A sidecar keeps so many first bytes of a caller until the app has accepted the connection. */
const MAX_EARLY_BYTES = 65_536;

export interface WaitingListener {
  address: string;
  port: number;
  /** On 127.0.0.1. */
  appPort: number;
  accessLog: ProxySettings['accessLog'];
  judgement: Judgement;
}

/**
 * The public listener of a sidecar that judges the caller before it connects to the app, so that a caller without access reaches nothing and
 * hears nothing. Consul adds TLS and its rules to a listener that is given to it. It would refuse the fields by which Envoy waits, which
 * are newer than what it knows of Envoy: a TypedStruct passes unread.
 */
export function waitingListener({ address, port, appPort, accessLog, judgement }: WaitingListener): string {
  const log = accessLog === 'none' ? {} : { access_log: [ACCESS_LOG] };
  return JSON.stringify({
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: 'public_listener',
    address: { socket_address: { address, port_value: port } },
    ...(judgement === 'firstByte' ? {} : { metadata: { filter_metadata: { [CALLERS]: judgement } } }),
    filter_chains: [
      { filters: judgement === 'firstByte' ? withFirstByte(log) : forCallers(judgement.callers, appPort, log) },
    ],
  });
}

/** The judgement of a listener that was made here; undefined for another one. */
export function judgementIn(listener: string): Judgement | undefined {
  const { name, metadata } = parsed(listener);
  const callers = metadata?.filter_metadata?.[CALLERS]?.callers;
  return callers !== undefined ? { callers } : name === 'public_listener' ? 'firstByte' : undefined;
}

/** Anybody may have written it. */
function parsed(text: string): ListenerJson {
  try {
    return JSON.parse(text) as ListenerJson;
  } catch {
    return {};
  }
}

interface ListenerJson {
  name?: string;
  metadata?: { filter_metadata?: { [CALLERS]?: { callers?: string[] } } };
}

const CALLERS = 'landbridge';

const withFirstByte = (log: object): object[] => [
  filter('tcp_proxy', 'TcpProxy', {
    stat_prefix: 'public_listener',
    cluster: 'local_app',
    upstream_connect_mode: 'ON_DOWNSTREAM_DATA',
    max_early_data_bytes: MAX_EARLY_BYTES,
    ...log,
  }),
];

/**
 * The certificate of the caller says where the cluster of `judgedApp` leads. For a caller that the list does not name nothing says it, and Envoy
 * closes the connection. Consul puts its own rules before these two.
 */
const forCallers = (callers: string[], appPort: number, log: object): object[] => [
  filter('set_filter_state', 'Config', {
    on_downstream_tls_handshake: [
      {
        object_key: 'envoy.network.transport_socket.original_dst_address',
        format_string: {
          text_format_source: { inline_string: `%CEL((${mayCall(callers)}) ? '127.0.0.1:${appPort}' : '')%` },
        },
        skip_if_empty: true,
      },
    ],
  }),
  filter('tcp_proxy', 'TcpProxy', {
    stat_prefix: 'public_listener',
    cluster: 'local_app',
    upstream_connect_mode: 'ON_DOWNSTREAM_TLS_HANDSHAKE',
    max_early_data_bytes: MAX_EARLY_BYTES,
    ...log,
  }),
];

/** The cluster of such a listener: it has no address of its own, so without a word of the listener it leads nowhere. */
export const judgedApp = (): string =>
  JSON.stringify({
    '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    name: 'local_app',
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    // Consul's default for the app.
    connect_timeout: '5s',
  });

/**
 * The mesh CA signs ".../svc/NAME" for services alone. An expression for all names at once would be past the size that Envoy takes: 64 names of 63
 * characters. Names are letters, digits and dashes.
 */
const mayCall = (callers: string[]): string =>
  callers.length === 0
    ? 'false'
    : callers.map((name) => `connection.uri_san_peer_certificate.endsWith('/svc/${name}')`).join(' || ');

const filter = (name: string, type: string, value: object): object => ({
  name: `envoy.filters.network.${name}`,
  typed_config: {
    '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
    type_url: `type.googleapis.com/envoy.extensions.filters.network.${name}.v3.${type}`,
    value,
  },
});

/** Consul writes this one for the listeners that it makes itself. */
const ACCESS_LOG = {
  name: 'Landbridge access log',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
    log_format: {
      json_format: {
        start_time: '%START_TIME%',
        bytes_received: '%BYTES_RECEIVED%',
        bytes_sent: '%BYTES_SENT%',
        connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
        downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
        downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
        duration: '%DURATION%',
        requested_server_name: '%REQUESTED_SERVER_NAME%',
        response_flags: '%RESPONSE_FLAGS%',
        upstream_cluster: '%UPSTREAM_CLUSTER%',
        upstream_host: '%UPSTREAM_HOST%',
        upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
        upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
      },
    },
  },
};
