import type {
  AccessLogsEntry,
  CheckEntry,
  Health,
  ProxyEntry,
  ServiceEntry,
  UpstreamEntry,
} from '../../../mesh/catalog/entry.ts';

/**
 * Consul's answers carry more than was written: Weights, EnableTagOverride, Proxy.Mode, MeshGateway, Expose, indexes,
 * and null for empty fields. Only the fields of mesh/catalog/entry.ts are taken over, so a written entry reads back equal.
 */
interface RawProxy {
  DestinationServiceName?: string;
  DestinationServiceID?: string;
  LocalServiceAddress?: string;
  LocalServicePort?: number;
  Config?: Record<string, unknown> | null;
  Upstreams?: RawUpstream[] | null;
  AccessLogs?: object | null;
}

interface RawUpstream {
  DestinationName: string;
  DestinationType: UpstreamEntry['DestinationType'];
  LocalBindAddress?: string;
  LocalBindPort?: number;
  Config?: Record<string, unknown> | null;
}

export interface RawService {
  ID: string;
  Service: string;
  Kind?: string;
  Address?: string;
  Port?: number;
  Tags?: string[] | null;
  Meta?: Record<string, string> | null;
  Proxy?: RawProxy | null;
}

export interface RawCheck {
  CheckID: string;
  Name: string;
  Status: string;
  Output?: string;
  ServiceID?: string;
}

const isEmpty = (value: object | null | undefined): boolean => !value || Object.keys(value).length === 0;

export function serviceEntry(raw: RawService): ServiceEntry {
  const entry: ServiceEntry = {
    ID: raw.ID,
    Service: raw.Service,
    Address: raw.Address ?? '',
    Port: raw.Port ?? 0,
    Tags: raw.Tags ?? [],
    Meta: raw.Meta ?? {},
  };
  // Kinds that we never write, such as ingress-gateway, are passed through as they are.
  if (raw.Kind) entry.Kind = raw.Kind as NonNullable<ServiceEntry['Kind']>;
  if (raw.Kind && raw.Proxy && hasProxy(raw.Proxy)) entry.Proxy = proxyEntry(raw.Proxy);
  return entry;
}

const hasProxy = (raw: RawProxy): boolean => Boolean(raw.DestinationServiceName) || !isEmpty(raw.Config);

function proxyEntry(raw: RawProxy): ProxyEntry {
  const entry: ProxyEntry = {
    DestinationServiceName: raw.DestinationServiceName ?? '',
    DestinationServiceID: raw.DestinationServiceID ?? '',
    LocalServiceAddress: raw.LocalServiceAddress ?? '',
    LocalServicePort: raw.LocalServicePort ?? 0,
  };
  if (!isEmpty(raw.Config)) entry.Config = raw.Config!;
  if (raw.Upstreams && raw.Upstreams.length > 0) entry.Upstreams = raw.Upstreams.map(upstreamEntry);
  if (!isEmpty(raw.AccessLogs)) entry.AccessLogs = raw.AccessLogs as AccessLogsEntry;
  return entry;
}

function upstreamEntry(raw: RawUpstream): UpstreamEntry {
  const entry: UpstreamEntry = {
    DestinationName: raw.DestinationName,
    DestinationType: raw.DestinationType || 'service',
    LocalBindAddress: raw.LocalBindAddress ?? '',
    LocalBindPort: raw.LocalBindPort ?? 0,
  };
  if (!isEmpty(raw.Config)) entry.Config = raw.Config!;
  return entry;
}

export function checkEntry(raw: RawCheck): CheckEntry {
  return {
    CheckID: raw.CheckID,
    Name: raw.Name,
    Status: healthOf(raw.Status),
    Output: raw.Output ?? '',
    ServiceID: raw.ServiceID ?? '',
  };
}

/** Consul sends traffic to what is `warning`, so it counts as passing. */
export const healthOf = (status: string): Health =>
  status === 'critical' || status === 'maintenance' ? 'critical' : 'passing';
