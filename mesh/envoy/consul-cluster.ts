export const TOKEN_FILE = 'token.json';
export const CA_FILE = 'ca.json';

export const TYPE = 'type.googleapis.com/envoy';
const TOKEN_SECRET = 'consul-token';
const CA_SECRET = 'consul-ca';

/** How a sidecar reaches Consul. */
export interface ConsulClusterInput {
  /** Consul servers' gRPC TLS listeners, tried in turn. */
  consul: { host: string; port: number }[];
  /** Where they are found when none of these names is known, as in a pod with a DNS of its own. Default: nowhere. */
  consulAddresses?: { host: string; port: number }[] | undefined;
  /** The name in the servers' certificate, `server.<datacenter>.consul`. */
  serverName: string;
  /** Folder of token.json and ca.json (file SDS). It is watched, so a replaced file takes effect at once. */
  secretsDirectory: string;
  /** The stream to Consul is opened again so often, seconds, with the token of that time. Default: it is kept. */
  streamSeconds?: number | undefined;
}

export const socketAddress = (host: string, port: number) => ({ socket_address: { address: host, port_value: port } });
const fileSds = (directory: string, file: string) => ({
  resource_api_version: 'V3',
  path_config_source: { path: `${directory}/${file}`, watched_directory: { path: directory } },
});

/** The cluster of the xDS stream: the Consul servers, over TLS, with the token. */
export function consulCluster(input: ConsulClusterInput) {
  return {
    name: 'consul',
    type: 'STRICT_DNS',
    // The default asks for AAAA first, with every name of the search list and then the bare name: with a resolver that does not
    // know `.svc` this cost every pod two seconds at its start. IPv6 is asked for where IPv4 is missing.
    dns_lookup_family: 'V4_PREFERRED',
    connect_timeout: '1s',
    // A silent server is noticed by TCP keep-alive and HTTP/2 pings, not by the next change.
    upstream_connection_options: { tcp_keepalive: { keepalive_time: 10, keepalive_interval: 5, keepalive_probes: 2 } },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
        ...(input.streamSeconds === undefined
          ? {}
          : { common_http_protocol_options: { max_stream_duration: `${input.streamSeconds}s` } }),
        explicit_http_config: {
          // Consul hangs up on who pings more often than every 15 s (its gRPC keepalive enforcement policy).
          http2_protocol_options: { connection_keepalive: { interval: '20s', timeout: '5s' } },
        },
        http_filters: [credentialInjector(input.secretsDirectory), upstreamCodec()],
      },
    },
    load_assignment: {
      cluster_name: 'consul',
      // The second is used while the first has no address at all.
      endpoints: [
        endpointsOf(input.consul, 0),
        ...(input.consulAddresses?.length ? [endpointsOf(input.consulAddresses, 1)] : []),
      ],
    },
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': `${TYPE}.extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
        sni: input.serverName,
        common_tls_context: {
          alpn_protocols: ['h2'],
          combined_validation_context: {
            default_validation_context: {
              match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: input.serverName } }],
            },
            validation_context_sds_secret_config: {
              name: CA_SECRET,
              sds_config: fileSds(input.secretsDirectory, CA_FILE),
            },
          },
        },
      },
    },
  };
}

const endpointsOf = (consul: ConsulClusterInput['consul'], priority: number) => ({
  ...(priority === 0 ? {} : { priority }),
  lb_endpoints: consul.map(({ host, port }) => ({ endpoint: { address: socketAddress(host, port) } })),
});

/** Envoy adds the Consul token itself (https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/credential_injector_filter): no helper process. */
const credentialInjector = (directory: string) => ({
  name: 'envoy.filters.http.credential_injector',
  typed_config: {
    '@type': `${TYPE}.extensions.filters.http.credential_injector.v3.CredentialInjector`,
    overwrite: true,
    credential: {
      name: 'envoy.http.injected_credentials.generic',
      typed_config: {
        '@type': `${TYPE}.extensions.http.injected_credentials.generic.v3.Generic`,
        credential: { name: TOKEN_SECRET, sds_config: fileSds(directory, TOKEN_FILE) },
        header: 'x-consul-token',
      },
    },
  },
});

const upstreamCodec = () => ({
  name: 'envoy.filters.http.upstream_codec',
  typed_config: { '@type': `${TYPE}.extensions.filters.http.upstream_codec.v3.UpstreamCodec` },
});

/** A file SDS secret with the Consul token. Replaced by rename, Envoy uses the new one on its next stream. */
export const tokenSecret = (token: string): object => ({
  resources: [
    {
      '@type': `${TYPE}.extensions.transport_sockets.tls.v3.Secret`,
      name: TOKEN_SECRET,
      generic_secret: { secret: { inline_string: token } },
    },
  ],
});

/** A file SDS secret with the CA (PEM) of the Consul servers' certificates. */
export const caSecret = (caPem: string): object => ({
  resources: [
    {
      '@type': `${TYPE}.extensions.transport_sockets.tls.v3.Secret`,
      name: CA_SECRET,
      validation_context: { trusted_ca: { inline_string: caPem } },
    },
  ],
});
