import type { ProxySettings } from '../../crds/proxy.ts';
import type { CheckEntry, Health, ProxyEntry, Registration, UpstreamEntry } from '../catalog/entry.ts';
import { DOOR_META, sidecarId, sidecarService } from '../names/names.ts';
import type { Judgement } from '../traffic/banner.ts';
import { judgedApp, waitingListener } from './waiting-listener.ts';

/** Key of a proxy's Config in Consul: a public listener that is given to it. */
export const WAITING_LISTENER = 'envoy_public_listener_json';
/** Key of a proxy's Config in Consul: the cluster of its app. */
const JUDGED_APP = 'envoy_local_cluster_json';

/** One instance of a service, on any platform, as the entry builders need it. */
export interface Instance {
  /** Unique within the datacenter: a pod's name, or SERVICE-PORT-HOST on a VM. Instances are keyed by id, never by IP. */
  id: string;
  service: string;
  platform: 'pod' | 'vm' | 'external';
  site: string;
  /** Where other sidecars reach this one's; undefined while nobody knows. */
  address: string | undefined;
  /** Where others reach the sidecar when that is not `address` and `sidecarPort`: something there passes connections on to these. */
  reachedAt?: { address: string; port: number } | undefined;
  /** Where the app listens, on its own loopback. 0 for a workload that only calls others. */
  appPort: number;
  /** Port of the sidecar's public listener; undefined = no sidecar. */
  sidecarPort: number | undefined;
  health: Health;
  /** Why, in one line. */
  output: string;
  version?: string;
  zone?: string;
  node?: string;
  upstreams: { service: string; localPort: number }[];
  accessLog: ProxySettings['accessLog'];
  /** On a machine: whether the port of the app is closed to all but the sidecar. See doors/machine-doors.ts. */
  door?: string | undefined;
  /** Only with tcp: how the sidecar judges a caller before it connects to the app. */
  judgement?: Judgement | undefined;
}

/** Consul keeps 4 KiB of check output by default (check_output_max_size); longer output would never read back equal. */
const MAX_OUTPUT_CHARS = 1000;

/**
 * The app's registration, and its sidecar's: two services an instance, one check each, as Consul's own tools do. Before
 * the instance has an address there is the sidecar's alone: that is all Envoy needs to be given its configuration.
 */
export function registrationsOf(instance: Instance): Registration[] {
  const { address, sidecarPort } = instance;
  return [
    ...(address === undefined ? [] : [appRegistration(instance, address)]),
    ...(sidecarPort === undefined ? [] : [sidecarRegistration(instance, sidecarPort)]),
  ];
}

function appRegistration(instance: Instance, address: string): Registration {
  return {
    service: {
      ID: instance.id,
      Service: instance.service,
      Address: address,
      Port: instance.appPort,
      Tags: [],
      // Not on the sidecar's: callers would get it with each change.
      Meta: { ...metaOf(instance), ...(instance.door === undefined ? {} : { [DOOR_META]: instance.door }) },
    },
    checks: [check(instance, instance.id, 'app')],
  };
}

function sidecarRegistration(instance: Instance, port: number): Registration {
  const id = sidecarId(instance.id);
  return {
    service: {
      ID: id,
      Service: sidecarService(instance.service),
      Kind: 'connect-proxy',
      // An empty one is the node's for callers, which get no critical instance; and Envoy listens on all addresses.
      Address: instance.reachedAt?.address ?? instance.address ?? '',
      Port: instance.reachedAt?.port ?? port,
      Tags: [],
      Meta: metaOf(instance),
      Proxy: {
        DestinationServiceName: instance.service,
        DestinationServiceID: instance.id,
        LocalServiceAddress: '127.0.0.1',
        LocalServicePort: instance.appPort,
        ...listens(instance, port),
        ...(instance.upstreams.length === 0 ? {} : { Upstreams: instance.upstreams.map(upstreamEntry) }),
        ...(instance.accessLog === 'none' ? {} : { AccessLogs: { Enabled: true, Type: 'stdout' } }),
      },
    },
    checks: [check(instance, id, 'sidecar')],
  };
}

/** Settings of the public listener. Without any, Consul makes a listener at the address of the registration. */
function listens(instance: Instance, port: number): Pick<ProxyEntry, 'Config'> {
  const elsewhere = listensElsewhere(instance, port);
  const { address, appPort, accessLog, judgement } = instance;
  // Without an app there is nothing to reach.
  if (judgement === undefined || appPort === 0) return elsewhere;
  const listener = waitingListener({ address: anyAddress(address), port, appPort, accessLog, judgement });
  const cluster = judgement === 'firstByte' ? {} : { [JUDGED_APP]: judgedApp() };
  return { Config: { ...elsewhere.Config, [WAITING_LISTENER]: listener, ...cluster } };
}

/** Envoy listens where the sidecar is registered by default. */
function listensElsewhere({ platform, address, reachedAt }: Instance, port: number): Pick<ProxyEntry, 'Config'> {
  if (reachedAt !== undefined) return { Config: { bind_address: anyAddress(address), bind_port: port } };
  return platform === 'pod' ? {} : { Config: { bind_address: anyAddress(address) } };
}

/**
 * Machines change their address under a registration, and Envoy must not try to bind one that is no longer there: it binds
 * all of the same family. A pod changes its address only with a new sandbox, and is registered again at once. Without
 * this the sidecars of pods go by transaction, many in one raft write.
 */
const anyAddress = (address = ''): string => (address.includes(':') ? '::' : '0.0.0.0');

const upstreamEntry = (upstream: { service: string; localPort: number }): UpstreamEntry => ({
  DestinationName: upstream.service,
  DestinationType: 'service',
  LocalBindAddress: '127.0.0.1',
  LocalBindPort: upstream.localPort,
});

const check = (instance: Instance, serviceId: string, what: 'app' | 'sidecar'): CheckEntry => ({
  CheckID: `${serviceId}/health`,
  Name: `Landbridge ${what} health`,
  Status: instance.health,
  Output: instance.output.slice(0, MAX_OUTPUT_CHARS),
  ServiceID: serviceId,
});

/** `platform`, `site`, `version`, `zone` make resolver subsets; `node` is for people. */
function metaOf(instance: Instance): Record<string, string> {
  const { platform, site, version, zone, node } = instance;
  const meta = { platform, site, version, zone, node, 'managed-by': 'landbridge' };
  return Object.fromEntries(Object.entries(meta).filter((pair): pair is [string, string] => Boolean(pair[1])));
}
