import type { ExposeSettings } from '../../crds/expose.ts';
import type { MeshServiceSpec } from '../../crds/mesh-service.ts';
import type { Traffic } from '../../crds/traffic.ts';
import type { HostRecords, HostRules } from './edge-hosts.ts';

/** A MeshService that holds its name in Consul and asks to be exposed. */
export interface Exposure {
  namespace: string;
  name: string;
  /** Its name in Consul. */
  service: string;
  protocol: MeshServiceSpec['protocol'];
  /** RFC 3339. */
  createdAt: string;
  uid: string;
  expose: ExposeSettings;
  /** Timeout and retries hold at the gateway too. */
  traffic: Traffic | undefined;
}

/** PEM. Its key and form were looked at by whoever read it. */
export interface Certificate {
  certificate: string;
  privateKey: string;
  /** Lower-case. */
  names: readonly string[];
}

/** Where the gateway listens. */
export interface EdgePorts {
  http: number;
  https: number;
}

export interface EdgeInput {
  cluster: string;
  ports: EdgePorts;
  exposures: Exposure[];
  /** Keyed by `namespace/secret`; or the sentence that says why it is missing. */
  certificates: Map<string, Certificate | string>;
  /** Which namespace has which host, as it was before. Default: none has any. */
  hosts?: HostRecords;
  /** Default: the first namespace has a host. */
  rules?: HostRules;
  nowMs: number;
}
