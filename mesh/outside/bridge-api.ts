import { z } from 'zod';
import { checkSpec } from './check-spec.ts';
import { UPDATE_KINDS } from '../proxies/counters.ts';
import { name, port } from './bridge-shapes.ts';

/**
 * What agent, CLI and bridge say to each other: JSON over HTTPS, version 1. Every request body is strict, so that a
 * misspelt field is an error and not a silent default.
 *
 * | request                     | who (client certificate)  | what                                               |
 * |-----------------------------|---------------------------|----------------------------------------------------|
 * | POST /v1/join               | invite secret in the body | spends the invite; certificate for the host        |
 * | POST /v1/renew              | host                      | a new certificate for the same host                |
 * | POST /v1/beat               | host                      | holds the lease; all instances of the host         |
 * | POST /v1/leave              | host                      | takes services (or all) of the host out            |
 * | POST /v1/reach              | host                      | tries the host's sidecars from the bridge's side   |
 * | POST /v1/probe              | host                      | what it reaches of the pods that it calls; what next |
 * | POST /v1/refusals           | host                      | updates that its Envoys refuse now, all of them |
 * | POST /v1/doors              | host                      | which of its apps are reached past their sidecars |
 * | POST /v1/problems          | host                      | what is wrong on the machine, by its own word      |
 * | POST /v1/names              | host or admin             | asks Consul's DNS for a name under consul          |
 * | POST /v1/invites            | admin                     | makes an invite                                    |
 * | GET  /v1/instances          | admin                     | all off-cluster instances                          |
 * | PUT  /v1/external/:name     | admin                     | registers a sidecar-less instance                  |
 * | DELETE /v1/external/:name   | admin                     | removes it                                         |
 * | POST /v1/adopt              | admin                     | takes over what was registered by hand             |
 * | POST /v1/revoke             | admin                     | the host may not come back; its instances go       |
 * | POST /v1/brake              | admin                     | releases the mass-loss brake of a site             |
 * | GET  /v1/vm/:name           | anyone                    | what a machine needs to join, see install-script   |
 * | GET  /v1/openapi.json       | anyone                    | this table and the schemas below, as OpenAPI       |
 */

export type * from './bridge-answers.ts';

export const joinRequest = z.strictObject({
  invite: z.strictObject({ id: z.string().max(64), secret: z.string().max(128) }),
  host: name,
  address: z.union([z.ipv4(), z.ipv6()]),
  /** PKCS#10, PEM. Only its public key is used: the bridge writes the subject. */
  csr: z.string().max(8192),
});
export type JoinRequest = z.output<typeof joinRequest>;

const beatInstance = z.strictObject({
  /** Unique within the datacenter: SERVICE-HOST-PORT. */
  id: z
    .string()
    .max(128)
    .regex(/^[a-z0-9][-a-z0-9.]*$/),
  service: name,
  appPort: z.int().min(0).max(65535),
  sidecarPort: port,
  health: z.enum(['passing', 'critical']),
  output: z.string().max(1000),
  version: z.string().max(63).optional(),
  zone: z.string().max(63).optional(),
  /** True for the one instance of a service on this host whose sidecar binds the upstreams' local ports. */
  bindsUpstreams: z.boolean(),
});
export type BeatInstance = z.output<typeof beatInstance>;

/** Which machine speaks, when two have the same state. */
const machineRun = z.strictObject({
  /** The same from one boot of the machine to the next, and no other machine's. */
  id: z.string().regex(/^[0-9a-f]{12}$/),
  /** Its agent is about to end, so a successor need not wait for the lease to end. */
  leaves: z.boolean().optional(),
});
export type MachineRun = z.output<typeof machineRun>;

export const beatRequest = z.strictObject({
  address: z.union([z.ipv4(), z.ipv6()]),
  /** All instances of the host. Others are removed from Consul. */
  instances: z.array(beatInstance).max(256),
  /** Services for which the agent wants a Consul token: it has none, or it is past half its life. */
  wantTokens: z.array(name).max(256),
  run: machineRun.optional(),
});
export type BeatRequest = z.output<typeof beatRequest>;

export const leaveRequest = z.strictObject({
  /** Leave these out of the mesh for good; empty = all, and the host is forgotten. */
  services: z.array(name).max(256),
  run: machineRun.optional(),
});

export const reachRequest = z.strictObject({});

/** Updates from Consul that Envoys of the host refuse. An earlier bridge does not know the path, an earlier agent says nothing. */
export const refusalsRequest = z.strictObject({
  proxies: z
    .array(
      z.strictObject({
        /** The instance's id. */
        id: z.string().max(128),
        service: name,
        refusals: z
          .array(
            z.strictObject({
              /** Envoy's name for it, see mesh/proxies/counters.ts. */
              subscription: z.string().max(300),
              kind: z.enum(UPDATE_KINDS),
              rejected: z.int().min(1),
              /** Envoy's own. */
              words: z.string().max(300).optional(),
            }),
          )
          .max(8),
      }),
    )
    .max(64),
});
export type RefusalsRequest = z.output<typeof refusalsRequest>;

/** The bound of each list of addresses that a machine tells of an instance. */
export const MAX_DOOR_ADDRESSES = 4;
const doorAddress = z
  .string()
  .max(50)
  .regex(/^[0-9a-f.:[\]]+$/, 'an IP address, with or without a port');
const doorAddresses = z.array(doorAddress).max(MAX_DOOR_ADDRESSES);
/** It is shown on terminals. */
const oneLine = /^[^\x00-\x1f\x7f-\x9f]*$/;

/**
 * How the apps of a host are reached past their sidecars. A path of its own, because a bridge refuses a beat with a field that
 * it does not know, and the lease with it. An earlier bridge does not know the path, an earlier agent says nothing.
 */
export const doorsRequest = z.strictObject({
  /** All instances of the host of which there is something to tell. */
  instances: z
    .array(
      z.strictObject({
        /** The instance's id. */
        id: z.string().max(128),
        /** `address:port` beyond loopback on which the app listens. */
        listens: doorAddresses,
        /** The app answers, and nothing listens in the network that the agent sees. */
        unseen: z.boolean().optional(),
        /** Rules on the host refuse who does not come from the host: tried. */
        closed: z.boolean(),
        /** Why they do not, though the MeshService is Strict. */
        problem: z.string().max(250).regex(oneLine, 'one line of text').optional(),
        /** Addresses that hold a connection to the app past its sidecar now. */
        callers: doorAddresses,
      }),
    )
    .max(256),
});
export type DoorsRequest = z.output<typeof doorsRequest>;

/** A machine reports so many problems at most. */
export const MAX_PROBLEMS = 8;
export const MAX_PROBLEM_CHARS = 300;

/**
 * The problems of a machine that no check of an instance shows, all of them. A path of its own, as for the doors. An earlier
 * bridge does not know it, an earlier agent says nothing.
 */
export const problemsRequest = z.strictObject({
  problems: z.array(z.string().max(MAX_PROBLEM_CHARS).regex(oneLine, 'one line of text')).max(MAX_PROBLEMS),
});
export type ProblemsRequest = z.output<typeof problemsRequest>;

/** Record types that Consul's DNS has. */
export const NAME_TYPES = ['A', 'AAAA', 'CNAME', 'NS', 'PTR', 'SOA', 'SRV', 'TXT'] as const;

export const namesRequest = z.strictObject({
  name: z
    .string()
    .max(253)
    .regex(/^([a-z0-9_~-]+\.)*consul$/, 'a name under consul, in lower case and without a dot at its end'),
  type: z.enum(NAME_TYPES),
});
export type NamesRequest = z.output<typeof namesRequest>;

export const inviteRequest = z.strictObject({
  service: name,
  site: name,
  ttlSeconds: z.int().min(60).max(86_400).default(900),
});
export type InviteRequest = z.output<typeof inviteRequest>;

export const renewRequest = z.strictObject({ csr: z.string().max(8192) });

export const revokeRequest = z.strictObject({ site: name, host: name });

export const brakeRequest = z.strictObject({
  site: name,
  /** For how long the site has no brake; 0 puts it back into force. */
  releaseSeconds: z.int().min(0).max(3600),
});

export const externalRequest = z.strictObject({
  site: name.default('external'),
  service: name,
  // The pattern and not the format `hostname` of JSON Schema, which knows no dot at the end.
  address: z.union([z.ipv4(), z.ipv6(), z.string().regex(z.regexes.hostname, 'Invalid hostname')]),
  port,
  check: checkSpec,
  tags: z.array(z.string().max(128)).max(32).default([]),
  meta: z.record(z.string().max(128), z.string().max(512)).default({}),
});
export type ExternalRequest = z.output<typeof externalRequest>;

/** `site` of DELETE /v1/external/:name. */
export const deregisterQuery = z.object({ site: name.default('external') });

/** Whatever `others` says, GET /v1/instances names the instances that others registered, too. */
export const instancesQuery = z.object({ others: z.string().optional() });

export const adoptRequest = z.strictObject({
  /** The node of the present registration. */
  node: z.string().min(1).max(255),
  id: z.string().min(1).max(255),
  site: name,
  /** Default: the id. */
  name: name.optional(),
  /** Default: as it is checked now. */
  check: checkSpec.optional(),
  /** Say what would be done, and do nothing. */
  planOnly: z.boolean().default(false),
});
export type AdoptRequest = z.output<typeof adoptRequest>;

/** Every refusal: the problem and the remedy, in one sentence. */
export interface ErrorAnswer {
  code: string;
  message: string;
}
