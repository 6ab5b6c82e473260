import { z } from 'zod';
import { ACCESS_RULES, access } from './access.ts';
import { mutualTLS, plaintextPorts } from './doors.ts';
import { exposeSettings } from './expose.ts';
import type { Condition, ObjectMeta } from './kubernetes.ts';
import { labelSelector } from './label-selector.ts';
import { proxySettings } from './proxy.ts';
import { TRAFFIC_RULES } from './traffic-rules.ts';
import { traffic } from './traffic.ts';

export const GROUP = 'landbridge.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Ports of the sidecar itself; an app or an upstream cannot have them. */
export const SIDECAR_PORT = 20000;
export const SIDECAR_READY_PORT = 20200;
export const SIDECAR_ADMIN_PORT = 19000;
/** One of these ports of its node leads to a pod's sidecar under `spec.reach: hostPort`: below those of NodePorts and of outgoing connections. */
export const HOST_PORTS = { first: 22000, last: 22999 };
export const RESERVED_PORTS = [SIDECAR_ADMIN_PORT, SIDECAR_PORT, SIDECAR_READY_PORT];

/** Upstreams of one MeshService. */
export const MAX_UPSTREAMS = 64;

/** RFC 1123 label, which both Consul DNS and Kubernetes accept as a name. */
const name = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);

const portNumber = z.int().min(1).max(65535);

const upstream = z.strictObject({
  service: name.describe('Consul name of the service to call.'),
  localPort: portNumber.describe('The app reaches the upstream at 127.0.0.1:localPort.'),
  env: z
    .string()
    .max(128)
    .regex(/^([A-Za-z_][A-Za-z0-9_]*)?$/)
    .optional()
    .describe(
      'Environment variable by which the app finds the upstream: "http://localhost:PORT" (http, http2) or "localhost:PORT" (tcp, grpc). Set in the containers of injected pods, first in env, so that $(NAME) in other variables is expanded. A container that sets it itself in env keeps its own; a variable of envFrom is replaced. On machines it is in /run/landbridge/SERVICE.env. Default: the service in capitals and _ADDR, as ADD_SVC_ADDR for add-svc; "" for none.',
    ),
});

export const meshServiceSpec = z
  .strictObject({
    service: name.optional().describe('Name in Consul. Default: metadata.name.'),
    protocol: z.enum(['tcp', 'http', 'http2', 'grpc']).default('tcp').describe('Application protocol. Default: tcp.'),
    port: z
      .union([portNumber, z.string().min(1).max(15)])
      .optional()
      .describe(
        'Where the app listens in a pod: a number or the name of a container port. Left out by workloads that only call others.',
      )
      .meta({ 'x-kubernetes-int-or-string': true }),
    speaksFirst: z
      .enum(['Caller', 'Server'])
      .optional()
      .describe(
        'Of tcp: which end sends the first byte of a connection. Caller: sidecars connect to the app with that byte; an app that speaks first would wait for ever. Server: as SMTP, FTP, MySQL and SSH do. Default: not known. With Server and without a word sidecars connect after the TLS handshake, for callers with access alone. An instance without a sidecar needs Caller, or access for everybody.',
      ),
    workloads: z
      .strictObject({
        pods: z
          .strictObject({ selector: labelSelector })
          .optional()
          .describe('Pods of the same namespace that are instances. Default: none.'),
        external: z
          .strictObject({
            sites: z
              .array(name)
              .min(1)
              .max(64)
              .describe('Sites whose VMs and machines may join as instances.')
              .meta({ 'x-kubernetes-list-type': 'set' }),
          })
          .optional()
          .describe('Off-cluster instances that may join. Default: none may.'),
      })
      .meta({
        'x-kubernetes-validations': [
          {
            rule: 'has(self.pods) || has(self.external)',
            message: 'say where instances run: give workloads.pods.selector, workloads.external.sites, or both',
          },
          {
            rule: '!has(self.pods) || (has(self.pods.selector.matchLabels) && size(self.pods.selector.matchLabels) > 0) || (has(self.pods.selector.matchExpressions) && size(self.pods.selector.matchExpressions) > 0)',
            message:
              'workloads.pods.selector is empty and would select every pod of the namespace: give matchLabels or matchExpressions',
          },
        ],
      }),
    upstreams: z
      .array(upstream)
      .max(MAX_UPSTREAMS)
      .default([])
      .describe('Services this one calls. Default: none.')
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['service'] }),
    access,
    mutualTLS,
    plaintextPorts,
    traffic: traffic.optional(),
    expose: exposeSettings.optional(),
    reach: z
      .enum(['pod', 'hostPort'])
      .default('pod')
      .describe(
        `How its pods are reached, by everybody: at their own addresses, or each at a port of its node (${HOST_PORTS.first}-${HOST_PORTS.last}, chosen when the pod is made) where machines outside the cluster have no route to pods. Pod Security baseline and restricted forbid host ports. Default: pod.`,
      ),
    proxy: proxySettings,
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: '!has(self.upstreams) || self.upstreams.all(u, self.upstreams.exists_one(v, v.localPort == u.localPort))',
        message: 'two upstreams have the same localPort: give each its own',
      },
      {
        // Consul 1.22 binds an http-route only to services whose protocol is http.
        rule: "!has(self.expose) || (has(self.protocol) && self.protocol == 'http')",
        message:
          "expose is for protocol http: Consul's api-gateway leads to no other; set protocol to http, or let callers of tcp, http2 and grpc join the mesh",
      },
      {
        rule: "!has(self.upstreams) || self.upstreams.all(u, !has(u.env) || u.env == '' || self.upstreams.exists_one(v, has(v.env) && v.env == u.env))",
        message: 'two upstreams have the same env: give each its own',
      },
      {
        rule: `!has(self.upstreams) || self.upstreams.all(u, !(u.localPort in [${RESERVED_PORTS.join(', ')}]))`,
        message: `an upstream's localPort is one of ${RESERVED_PORTS.join(', ')}, which the sidecar uses: choose another`,
      },
      {
        rule: '!has(self.upstreams) || !has(self.port) || type(self.port) != int || self.upstreams.all(u, u.localPort != self.port)',
        message: "an upstream's localPort is the app's own port: choose another localPort",
      },
      {
        rule: `!has(self.port) || type(self.port) != int || (self.port >= 1 && self.port <= 65535 && !(self.port in [${RESERVED_PORTS.join(', ')}]))`,
        message: `spec.port must be 1-65535 and not one of ${RESERVED_PORTS.join(', ')}, which the sidecar uses`,
      },
      {
        rule: "!has(self.port) || type(self.port) != string || self.port.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?)$')",
        message: 'spec.port as a string is the name of a container port: lower-case letters, digits and dashes',
      },
      {
        rule: `!has(self.plaintextPorts) || self.plaintextPorts.all(p, type(p) != int || !(p in [${RESERVED_PORTS.join(', ')}]))`,
        message: `spec.plaintextPorts must not name ${RESERVED_PORTS.join(', ')}, which the sidecar uses`,
      },
      {
        rule: "!has(self.speaksFirst) || !has(self.protocol) || self.protocol == 'tcp'",
        message: 'speaksFirst is for protocol tcp: take it out, for in http, http2 and grpc the caller speaks first',
      },
      ...ACCESS_RULES,
      ...TRAFFIC_RULES,
    ],
  });

/** What `kubectl apply` sends, before defaults. */
export type MeshServiceSpecInput = z.input<typeof meshServiceSpec>;
/** With defaults filled in, as the core works on it. */
export type MeshServiceSpec = z.output<typeof meshServiceSpec>;

export interface MeshServiceStatus {
  observedGeneration?: number;
  conditions?: Condition[];
  instances?: {
    pods?: { ready: number; total: number; withoutSidecar?: number };
    external?: { ready: number; total: number };
  };
  /** "ready/all", for the printer columns. */
  pods?: string;
  vms?: string;
  consul?: { service: string; node: string };
}

export interface MeshService {
  apiVersion: typeof API_VERSION;
  kind: 'MeshService';
  metadata: ObjectMeta;
  spec: MeshServiceSpec;
  status?: MeshServiceStatus;
}

/** Fills in the defaults of an object that the API server has validated; a zod error means that the CRD is older than this program. */
export function parseMeshService(object: { metadata: ObjectMeta; spec: unknown; status?: unknown }): MeshService {
  return {
    apiVersion: API_VERSION,
    kind: 'MeshService',
    metadata: object.metadata,
    spec: meshServiceSpec.parse(object.spec),
    ...(object.status === undefined ? {} : { status: object.status as MeshServiceStatus }),
  };
}

/** The name in Consul: spec.service, or metadata.name. */
export const consulName = (meshService: MeshService): string => meshService.spec.service ?? meshService.metadata.name;
