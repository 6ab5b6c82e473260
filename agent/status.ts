import type { CheckState } from './check-loop.ts';
import type { EnvoyStatus } from './envoy.ts';
import type { Health } from './health.ts';

/** What GET /status of the agent's local API answers. */
export interface AgentStatus {
  host: string;
  site: string;
  address: string;
  leaseMs: number;
  bridge: {
    /** The one that answered last, or is tried first. */
    address: string;
    /** Since the last beat that a bridge took, ms: the age of the lease. undefined = none since the agent started. */
    leaseAgeMs: number | undefined;
    /** Why the last beat failed; undefined when it did not. */
    problem: string | undefined;
  };
  /** RFC 3339. */
  certificateExpiresAt: string;
  /** What is wrong in services.d and in the agent's own files, one sentence each. */
  problems: string[];
  instances: InstanceStatus[];
}

export interface InstanceStatus {
  id: string;
  service: string;
  appPort: number;
  sidecarPort: number | undefined;
  /** undefined: a member that only calls others. */
  check: { state: CheckState; output: string } | undefined;
  envoy: Pick<EnvoyStatus, 'state' | 'pid' | 'restarts' | 'problem'>;
  draining: boolean;
  refused: string | undefined;
  /** What the agent makes of it. */
  now: Health;
  /** What the bridge has taken of it; undefined: nothing yet. */
  inMesh: Health['health'] | undefined;
  /** Bound on 127.0.0.1 by this instance's Envoy. */
  upstreams: { service: string; localPort: number }[];
}
