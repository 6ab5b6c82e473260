import { z } from 'zod';
import { MUTUAL_TLS } from '../../crds/doors.ts';
import { proxySettings } from '../../crds/proxy.ts';
import { MAX_PROBES, name, probeRequest } from './bridge-shapes.ts';

/**
 * The answers of the bridge. The OpenAPI document and the handlers' types come from these shapes. A bridge of an earlier version leaves
 * out optional fields. A reader passes over fields that it does not know.
 */

const port = z.int().min(0).max(65535);
const health = z.enum(['passing', 'critical']);
/** RFC 3339. */
const time = z.iso.datetime();
const milliseconds = z.int().min(0);

/** How the host's Envoys reach Consul. */
const consulAccess = z.strictObject({
  /** gRPC TLS (xDS), `host:port`. */
  grpc: z.array(z.string()),
  serverName: z.string(),
  datacenter: z.string(),
  caPem: z.string(),
});

/** On a machine the service manager limits resources, and the agent drains an instance before it ends. */
const plannedProxy = proxySettings.unwrap().omit({ resources: true, stopDelay: true });

/** The doors of an instance on a machine; see doors/machine-doors.ts. */
const plannedDoors = z.strictObject({
  mode: z.enum(MUTUAL_TLS),
  /** Ports that stay open under Strict. */
  plaintextPorts: z.array(port),
});

/** The words of the MeshService about one service of the host. */
const servicePlan = z.strictObject({
  service: z.string(),
  protocol: z.enum(['tcp', 'http', 'http2', 'grpc']),
  upstreams: z.array(
    z.strictObject({
      service: z.string(),
      localPort: port,
      /** By which the app finds it, unless the MeshService says that there be none. */
      variable: z.strictObject({ name: z.string(), value: z.string() }).optional(),
    }),
  ),
  /** A bridge of an earlier version leaves it out. */
  proxy: plannedProxy.optional(),
  /** For tcp: see Instance. */
  judgement: z.union([z.literal('firstByte'), z.strictObject({ callers: z.array(z.string()) })]).optional(),
  /** The ways to the app past its sidecar. A bridge of an earlier version leaves it out: nothing is changed then. */
  doors: plannedDoors.optional(),
});

export const joinAnswer = z.strictObject({
  host: name,
  site: name,
  service: name,
  /** PEM, with the chain. */
  certificate: z.string(),
  bridgeCa: z.string(),
  bridges: z.array(z.string()),
  leaseMs: milliseconds,
  consul: consulAccess,
});

export const renewAnswer = z.strictObject({ certificate: z.string(), bridgeCa: z.string() });

export const beatAnswer = z.strictObject({
  leaseMs: milliseconds,
  /** The present words of the MeshServices of the host's services. */
  services: z.array(servicePlan),
  tokens: z.array(z.strictObject({ service: z.string(), token: z.string(), expiresAt: time })),
  /** Services of the host that no MeshService admits now, each with the sentence to show. */
  refused: z.array(z.strictObject({ service: z.string(), message: z.string() })),
  /**
   * One sentence each: failures to write or issue something just now, which the bridge tries again by itself, and its doubts about
   * the machine.
   */
  problems: z.array(z.string()),
});

/** The services that are left. None: the host is forgotten. */
export const leaveAnswer = z.strictObject({ services: z.array(name) });

export const reachAnswer = z.strictObject({
  instances: z.array(z.strictObject({ id: z.string(), ok: z.boolean(), output: z.string() })),
});

export const probeAnswer = z.strictObject({
  /** A sample of the sidecars of pods that services of the host call: to be tried with a TCP connection. */
  targets: z
    .array(probeRequest.shape.results.element.pick({ service: true, address: true, port: true }))
    .max(MAX_PROBES),
  /** When to ask again. */
  nextMs: milliseconds,
});

export const nothing = z.strictObject({});

export const namesAnswer = z.strictObject({
  /** The DNS message (RFC 1035) that Consul answered, base64. */
  message: z.base64(),
});

export const inviteAnswer = z.strictObject({
  invite: z.string(),
  expiresAt: time,
  /** Where a machine without `landbridge` gets it; absent when the bridge serves no files. See install-script.ts. */
  install: z
    .strictObject({
      bridges: z.array(z.string()),
      sha256: z.string(),
      /** Its script finds the invite in a file; that of a bridge of an earlier version wants it as an argument. */
      inviteInFile: z.boolean().optional(),
    })
    .optional(),
});

const instanceRow = z.strictObject({
  id: z.string(),
  service: z.string(),
  /** `other`: in the catalog by somebody else's hand. */
  platform: z.enum(['vm', 'external', 'other']),
  site: z.string(),
  host: z.string(),
  address: z.string(),
  port,
  health,
  output: z.string(),
  /** The mark on it; `-` without one. */
  owner: z.string().optional(),
  /** RFC 3339, since when it is known; undefined: nobody wrote it down. */
  since: z.string().optional(),
  /** A warning for people; undefined without one. */
  note: z.string().optional(),
  /** How the app is reached past its sidecar, where it should not be or nobody has said; undefined: as it should be. */
  door: z.string().optional(),
  /** Since the lease was last held, ms; undefined for sidecar-less ones. */
  silentMs: milliseconds.optional(),
});
export type InstanceRow = z.output<typeof instanceRow>;

export const instancesAnswer = z.strictObject({
  instances: z.array(instanceRow),
  brakes: z.array(z.strictObject({ site: z.string(), held: z.array(z.string()) })),
  /** Services that machines have joined, and that no MeshService admits at their site any longer. */
  notAdmitted: z
    .array(z.strictObject({ site: z.string(), host: z.string(), service: z.string(), message: z.string() }))
    .optional(),
  /** Sites whose brake an operator has released. */
  released: z.array(z.strictObject({ site: z.string(), forMs: milliseconds })).optional(),
});

export const registerAnswer = z.strictObject({
  name,
  site: name,
  /** The result of the first check. */
  health,
  output: z.string(),
  /** The part that Consul has not taken yet. It is tried until Consul takes it. */
  problems: z.array(z.string()),
});

export const deregisterAnswer = z.strictObject({ name, site: name });

export const adoptAnswer = z.strictObject({
  name,
  site: name,
  /** One line a step. */
  plan: z.array(z.string()),
  done: z.boolean(),
  health,
  output: z.string(),
});

export const revokeAnswer = z.strictObject({
  site: name,
  host: name,
  /** Connections of the host that were cut. */
  connections: z.int().min(0),
  /** The part that Consul has not taken yet. It is tried until Consul takes it. */
  problems: z.array(z.string()),
});

export const brakeAnswer = z.strictObject({
  site: name,
  /** Silent hosts that the brake kept up. */
  held: z.array(z.string()),
});

export type ConsulAccess = z.output<typeof consulAccess>;
export type PlannedProxy = z.output<typeof plannedProxy>;
export type ServicePlan = z.output<typeof servicePlan>;
export type JoinAnswer = z.output<typeof joinAnswer>;
export type RenewAnswer = z.output<typeof renewAnswer>;
export type BeatAnswer = z.output<typeof beatAnswer>;
export type LeaveAnswer = z.output<typeof leaveAnswer>;
export type ReachAnswer = z.output<typeof reachAnswer>;
export type ProbeAnswer = z.output<typeof probeAnswer>;
export type NamesAnswer = z.output<typeof namesAnswer>;
export type InviteAnswer = z.output<typeof inviteAnswer>;
export type InstancesAnswer = z.output<typeof instancesAnswer>;
export type RegisterAnswer = z.output<typeof registerAnswer>;
export type DeregisterAnswer = z.output<typeof deregisterAnswer>;
export type AdoptAnswer = z.output<typeof adoptAnswer>;
export type RevokeAnswer = z.output<typeof revokeAnswer>;
export type BrakeAnswer = z.output<typeof brakeAnswer>;
