import type { InstanceStatus } from '../instances/instance-status.ts';

/** The answer to GET /status of the agent's local API. */
export interface AgentStatus {
  host: string;
  site: string;
  /**
   * The name by which this agent beats, see machineRun(). A sandbox may show the agent another boot id than a shell has, so a command that speaks for this machine uses this one. undefined with an agent of an earlier version.
   */
  run?: string;
  /** See programDigest(): the program that the agent was started from; undefined with an agent of an earlier version. */
  program?: string | undefined;
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
  /** The DNS server for *.consul; undefined where LANDBRIDGE_DNS is off, and with an agent of an earlier version. */
  names?: {
    /** `ip:port`. */
    address: string;
    /** Names that it could answer with nobody to ask. */
    known: number;
    /** Why it does not listen, or why Consul could not be asked; undefined: all is well. */
    problem: string | undefined;
  };
  /** Problems in services.d, between the services of this machine, and beyond the bridge; one sentence each. */
  problems: string[];
  instances: InstanceStatus[];
}
