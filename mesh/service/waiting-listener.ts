import type { ProxySettings } from '../../crds/proxy.ts';

/** A sidecar keeps so many first bytes of a caller until the app has accepted the connection. */
const MAX_EARLY_BYTES = 65_536;

/**
 * The public listener of a tcp sidecar that connects to the app when the caller's first byte arrives, and not before: by then the sidecar
 * has judged the caller, so a caller without access reaches nothing and hears nothing. Consul adds TLS and its rules to a listener
 * that is given to it. It would refuse the field by which Envoy waits, which is newer than what it knows of Envoy: a TypedStruct
 * passes unread.
 */
export function waitingListener(at: { address: string; port: number }, accessLog: ProxySettings['accessLog']): string {
  const proxy = {
    stat_prefix: 'public_listener',
    cluster: 'local_app',
    upstream_connect_mode: 'ON_DOWNSTREAM_DATA',
    max_early_data_bytes: MAX_EARLY_BYTES,
    ...(accessLog === 'none' ? {} : { access_log: [ACCESS_LOG] }),
  };
  return JSON.stringify({
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: 'public_listener',
    address: { socket_address: { address: at.address, port_value: at.port } },
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.tcp_proxy',
            typed_config: {
              '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
              type_url: 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
              value: proxy,
            },
          },
        ],
      },
    ],
  });
}

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
