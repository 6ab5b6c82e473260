import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Consul } from '../../clients/consul/consul.ts';
import type { ConsulAccess, NamesRequest } from '../../mesh/outside/bridge-api.ts';
import type { MeshServices } from '../admission.ts';
import type { AdminKeys } from '../certificates/admin-keys.ts';
import type { Authority } from '../certificates/authority.ts';
import type { Connections } from './connections.ts';
import type { Externals } from '../externals/externals.ts';
import type { FailedJoins } from './failed-joins.ts';
import type { Hosts } from '../hosts/hosts.ts';
import type { Leases } from '../hosts/leases.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { NodeWriter } from '../node-writer.ts';
import type { PodReach } from '../reach/pod-reach.ts';
import type { SidecarReach } from '../reach/sidecar-reach.ts';
import type { Tokens } from '../tokens/tokens.ts';
import type { VmFiles } from '../invites/vm-files.ts';

/** The parts of a running bridge, put together once in bridge/start.ts. */
export interface Bridge {
  /** Bridge addresses, `host:port`, as hosts and admins reach them. */
  advertise: string[];
  leaseMs: number;
  consulAccess: ConsulAccess;
  consul: Consul;
  clock: Clock;
  log: Log;
  authority: Authority;
  /** Default: every admin's certificate of this CA is good. */
  adminKeys?: AdminKeys | undefined;
  meshServices: MeshServices;
  hosts: Hosts;
  leases: Leases;
  writer: NodeWriter;
  tokens: Tokens;
  externals: Externals;
  podReach: PodReach;
  sidecarReach: SidecarReach;
  connections: Connections;
  failedJoins: FailedJoins;
  /** Asks Consul's DNS and gives the message; undefined where its address is not known. Throws DnsUnavailable. */
  askName?: (question: NamesRequest) => Promise<Buffer>;
  /** The files that machines fetch before they join. */
  vmFiles: VmFiles;
  metrics: Metrics;
  /** Whether the records have been read from Consul. Before that every host looks like a stranger. */
  loaded: () => boolean;
  /** Whether this is the active bridge still, see bridge/standby/tenure.ts. Asks Consul; never throws. */
  holds: () => Promise<boolean>;
}
