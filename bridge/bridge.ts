import type { Clock } from '../clients/kube/clock.ts';
import type { Log } from '../clients/kube/log.ts';
import type { Consul } from '../clients/consul/consul.ts';
import type { ConsulAccess, NamesRequest } from '../mesh/bridge-api.ts';
import type { MeshServices } from './admission.ts';
import type { AdminKeys } from './admin-keys.ts';
import type { Authority } from './authority.ts';
import type { Connections } from './connections.ts';
import type { Externals } from './externals.ts';
import type { FailedJoins } from './failed-joins.ts';
import type { Hosts } from './hosts.ts';
import type { Leases } from './leases.ts';
import type { Metrics } from './metrics.ts';
import type { NodeWriter } from './node-writer.ts';
import type { PodReach } from './pod-reach.ts';
import type { SidecarReach } from './sidecar-reach.ts';
import type { Tokens } from './tokens.ts';
import type { VmFiles } from './vm-files.ts';

/** The parts of a running bridge, put together once in start.ts. */
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
  /** Whether this is the active bridge still, see tenure.ts. Asks Consul; never throws. */
  holds: () => Promise<boolean>;
}
