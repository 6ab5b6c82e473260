/**
 * An entry is a thing we hold in Consul: a catalog node, a service registration on it, its checks, or a config entry.
 * Shapes are Consul's own JSON (PUT /v1/catalog/register, PUT /v1/config), so that nothing is lost in translation.
 */

/** Consul check status. `warning` is never written by us. */
export type Health = 'passing' | 'critical';

export interface CheckEntry {
  /** Unique within the Consul node, not within the service. */
  CheckID: string;
  Name: string;
  Status: Health;
  /** At most 4 KiB; longer output is cut by the builder. */
  Output: string;
  ServiceID: string;
}

export interface UpstreamEntry {
  DestinationName: string;
  /** Always set: Consul answers "service" when it is left out, and the diff compares what both sides say. */
  DestinationType: 'service';
  LocalBindAddress: string;
  LocalBindPort: number;
  Config?: Record<string, unknown>;
}

export interface ProxyEntry {
  DestinationServiceName: string;
  DestinationServiceID: string;
  LocalServiceAddress: string;
  LocalServicePort: number;
  Config?: Record<string, unknown>;
  Upstreams?: UpstreamEntry[];
  AccessLogs?: AccessLogsEntry;
}

/** Of one proxy, before those of proxy-defaults: Consul fills in only what is not said here. */
export interface AccessLogsEntry {
  Enabled: true;
  Type: 'stdout';
}

export interface ServiceEntry {
  ID: string;
  Service: string;
  Kind?: 'connect-proxy' | 'terminating-gateway' | 'api-gateway';
  Address: string;
  Port: number;
  Tags: string[];
  Meta: Record<string, string>;
  Proxy?: ProxyEntry;
}

/** One service registration with its checks, as one PUT /v1/catalog/register writes it. */
export interface Registration {
  service: ServiceEntry;
  checks: CheckEntry[];
}

export interface NodeEntry {
  Node: string;
  Address: string;
  Meta: Record<string, string>;
  /** Keyed by service ID. */
  registrations: Record<string, Registration>;
}

/** Kinds of config entry that a MeshService makes. */
export const CONFIG_KINDS = [
  'service-defaults',
  'service-resolver',
  'service-splitter',
  'service-router',
  'service-intentions',
] as const;

/** Kinds of the edge gateway, in the order in which one needs the other. */
export const EDGE_KINDS = ['inline-certificate', 'api-gateway', 'http-route'] as const;

/** Kinds of the terminating gateway. */
export const GATEWAY_KINDS = ['terminating-gateway'] as const;

/** A Consul config entry. Name is unique within its Kind. Fields beyond these are the kind's own. */
export interface ConfigEntry {
  Kind:
    | (typeof CONFIG_KINDS)[number]
    | (typeof EDGE_KINDS)[number]
    | (typeof GATEWAY_KINDS)[number]
    /** The settings of the whole mesh; its name is `global`. */
    | 'proxy-defaults'
    /** The same for TLS and paths; its name is `mesh`, and Landbridge writes none. */
    | 'mesh';
  Name: string;
  Meta: Record<string, string>;
  [field: string]: unknown;
}

/** The state in Consul for one owner, present or wanted: at most one node, and config entries by `Kind/Name`. */
export interface CatalogState {
  node: NodeEntry | undefined;
  config: Record<string, ConfigEntry>;
}

/** Key of a config entry in CatalogState.config. */
export const configKey = (entry: { Kind: string; Name: string }): string => `${entry.Kind}/${entry.Name}`;

/** The parts of such a key; no kind has a slash. */
export function splitConfigKey(key: string): { kind: ConfigEntry['Kind']; name: string } {
  const slash = key.indexOf('/');
  return { kind: key.slice(0, slash) as ConfigEntry['Kind'], name: key.slice(slash + 1) };
}

/** NodeMeta and config entry Meta key that says who owns an entry. */
export const OWNER_META = 'landbridge-owner';

/** A config entry with the index that a compare-and-set write has to name. */
export interface HeldConfig {
  entry: ConfigEntry;
  modifyIndex: number;
}

/** The state in Consul at the places of this owner's entries, written by anybody. */
export interface ActualState {
  node: NodeEntry | undefined;
  /** By `Kind/Name`. */
  config: Record<string, HeldConfig>;
  /** By name in Consul: one instance that somebody else registered under a name which nobody has claimed, in words. */
  instances?: Record<string, string>;
  /** Config entries that somebody else has changed since they were read or written last, by `Kind/Name`. Default: none. */
  foreign?: readonly string[];
}
