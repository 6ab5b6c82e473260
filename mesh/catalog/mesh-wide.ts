type Json = Record<string, unknown>;

/** Keys of proxy-defaults by which Consul replaces a part of every proxy. Other `envoy_` keys are for `consul connect envoy` alone. */
const REPLACED: Record<string, string> = {
  envoy_public_listener_json: 'the listener where sidecars are called, with its path normalisation and limits',
  envoy_local_cluster_json: 'the way from the sidecar to its app',
  envoy_listener_json: 'the listeners of upstreams',
  envoy_cluster_json: 'the clusters of upstreams',
};

/**
 * The part of the entry `proxy-defaults/global` that changes a promise of Landbridge, a sentence each. The registrations and the
 * service-defaults of Landbridge say protocol, address and timeout themselves, and these go before.
 */
export function changedByProxyDefaults(entry: Json | undefined): string[] {
  if (entry === undefined) return [];
  const config = object(entry['Config']);
  const idleMs = config['local_idle_timeout_ms'];
  const extensions = list(entry['EnvoyExtensions']).map(({ Name }) => String(Name));
  const { Checks: opensChecks, Paths: paths } = object(entry['Expose']);
  return [
    ...(entry['MutualTLSMode'] === 'permissive'
      ? ['MutualTLSMode permissive lets everybody call every service in plain text, past spec.access']
      : []),
    ...(opensChecks === true || list(paths).length > 0
      ? ['Expose opens paths of every service in plain text, past spec.access']
      : []),
    ...(extensions.length === 0
      ? []
      : [`EnvoyExtensions runs ${extensions.join(', ')} in every sidecar, before Landbridge's own`]),
    ...Object.entries(REPLACED).flatMap(([key, part]) => (config[key] ? [`Config.${key} replaces ${part}`] : [])),
    ...(idleMs === 0
      ? []
      : [
          `${idleMs === undefined ? 'without Config.local_idle_timeout_ms = 0' : `Config.local_idle_timeout_ms ${said(idleMs)}`} the sidecar of the service that is called ends a request in which nothing moves${idleMs === undefined ? ' for five minutes' : ` for ${said(idleMs)} ms`}, whatever spec.traffic.idleTimeout says`,
        ]),
    ...(config['max_inbound_connections']
      ? [
          `Config.max_inbound_connections lets ${said(config['max_inbound_connections'])} connections into a sidecar at a time`,
        ]
      : []),
    ...(entry['Mode'] === 'transparent'
      ? ['Mode transparent gives every sidecar a listener that upstreams do not ask for']
      : []),
    ...(object(entry['AccessLogs'])['Enabled'] === true
      ? ['AccessLogs is on for services whose spec.proxy.accessLog is none, too']
      : []),
  ];
}

/** The same of the entry `mesh/mesh`. */
export function changedByMesh(entry: Json | undefined): string[] {
  if (entry === undefined) return [];
  const http = object(entry['HTTP']);
  const paths = object(object(http['Incoming'])['RequestNormalization']);
  const slashes = paths['PathWithEscapedSlashesAction'];
  const underscores = paths['HeadersWithUnderscoresAction'];
  const old = ['Incoming', 'Outgoing']
    .map((direction) => object(object(entry['TLS'])[direction])['TLSMinVersion'])
    .filter((version) => version === 'TLSv1_0' || version === 'TLSv1_1');
  return [
    ...(entry['AllowEnablingPermissiveMutualTLS'] === true
      ? [
          'AllowEnablingPermissiveMutualTLS lets whoever may write service-defaults open a service to calls in plain text',
        ]
      : []),
    ...(paths['InsecureDisablePathNormalization'] === true
      ? [
          'InsecureDisablePathNormalization has sidecars compare paths with their dot segments, so that rules of spec.access by path can be gone around',
        ]
      : []),
    ...(paths['MergeSlashes'] === true
      ? ['MergeSlashes makes one slash of several in a path before the app sees it']
      : []),
    ...(typeof slashes === 'string' && !['', 'IMPLEMENTATION_SPECIFIC_DEFAULT', 'KEEP_UNCHANGED'].includes(slashes)
      ? [
          `PathWithEscapedSlashesAction ${slashes} refuses or changes paths with an escaped slash before the app sees them`,
        ]
      : []),
    ...(typeof underscores === 'string' && !['', 'ALLOW'].includes(underscores)
      ? [`HeadersWithUnderscoresAction ${underscores} keeps headers with an underscore from the app`]
      : []),
    ...(http['SanitizeXForwardedClientCert'] === true
      ? ['SanitizeXForwardedClientCert keeps the name of the caller from the app']
      : []),
    ...(old.length === 0 ? [] : [`TLSMinVersion ${said(old[0])} lets proxies speak a TLS below 1.2`]),
    ...(entry['ValidateClusters'] === true
      ? [
          'ValidateClusters has a proxy refuse all routes of an upstream when one of them names a service that is not there yet',
        ]
      : []),
  ];
}

const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const list = (value: unknown): Json[] => (Array.isArray(value) ? value.map(object) : []);
const said = (value: unknown): string => JSON.stringify(value);
