import { z } from 'zod';
import {
  exposure,
  hostPort,
  nodePort,
  perhapsHostPort,
  perhapsName,
  quantity,
  resources,
  secretKey,
  texts,
} from './fields.ts';

/** From 10 minutes to 24 hours. */
const TOKEN_TTL = /^([1-9]\d|[1-9]\d\d|1[0-3]\d\d|14[0-3]\d|1440)m$|^([1-9]|1\d|2[0-4])h$/;

export const consul = z
  .strictObject({
    servers: z
      .union([z.literal(1), z.literal(3)])
      .default(1)
      .describe(
        'Own Consul servers: 1, or 3, of which one may be down. May change on an installation that runs. Not used with externalConsul.',
      ),
    storage: quantity
      .default('1Gi')
      .describe(
        'Size of the volume of each server. Once installed it can become more, where the class of the volumes lets them grow.',
      ),
    storageClass: perhapsName
      .default('')
      .describe("Class of the volumes. Empty: the cluster's default class. Cannot be changed once installed."),
    exposure: exposure("Consul's xDS port, which sidecars outside the cluster need; opened with the bridge"),
    xdsNodePort: nodePort.default(30503).describe('Port on every node, with consul.exposure NodePort.'),
    serviceAnnotations: texts.default({}).describe('Annotations of that Service, for a load balancer for instance.'),
    advertise: z
      .array(hostPort)
      .default([])
      .describe('host:port list under which machines outside the cluster reach that Service. Needed with the bridge.'),
    tokenTtl: z
      .string()
      .regex(TOKEN_TTL, 'is not from 10m to 24h, in minutes or hours such as 30m or 1h')
      .default('1h')
      .describe("Life of a sidecar's Consul token, from 10m to 24h; it is replaced at half of it."),
    resources: resources('100m', '128Mi', '512Mi'),
  })
  .prefault({});

export const externalConsul = z
  .strictObject({
    enabled: z.boolean().default(false).describe('Use Consul servers that are there already, and install none.'),
    addresses: z.array(hostPort).default([]).describe("host:port list of the servers' HTTPS API. Needed when enabled."),
    grpc: perhapsHostPort
      .default('')
      .describe("host:port of the servers' gRPC TLS port, at which every sidecar asks. Needed when enabled."),
    dns: perhapsHostPort
      .default('')
      .describe("host:port of the servers' DNS, by which machines resolve *.consul. Empty: they do not."),
    serverName: z.string().min(1).default('server.dc1.consul').describe("Name in the servers' certificates."),
    datacenter: z
      .string()
      .regex(/^[a-z0-9_-]+$/, 'is no name of a Consul datacenter')
      .default('dc1')
      .describe('Their datacenter.'),
    ca: secretKey('ca.crt', "the PEM certificate of the CA that signed the servers' certificates; needed when enabled"),
    token: secretKey(
      'token',
      'a Consul token with acl:write, used by the bootstrap job and by the removal only; needed when enabled with manageAcls',
    ),
    manageAcls: z
      .boolean()
      .default(true)
      .describe('Whether the bootstrap job writes policies, tokens and auth methods. Otherwise they have to be there.'),
  })
  .prefault({});
