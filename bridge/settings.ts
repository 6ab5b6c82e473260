import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { MUTUAL_TLS, type MutualTLS } from '../crds/doors.ts';
import { DEFAULT_ACCESS, type DefaultAccess } from '../mesh/service/default-access.ts';
import { standardMode } from '../mesh/doors/doors.ts';
import { BOOTSTRAP_AGAIN, DEFAULT_MUTUAL_TLS_KEY } from '../mesh/installation/installation.ts';
import { hostAndPort } from '../mesh/names/host-and-port.ts';
import { DEFAULT_LEASE_MS } from '../mesh/outside/lease.ts';

/** The settings of a bridge, from its environment. Every duration is in milliseconds. */
export interface BridgeSettings {
  consul: { addresses: string[]; serverName: string; datacenter: string };
  /** Folder with consul-token, consul-ca.crt, signing.key, ca.crt and ca.key. */
  secrets: string;
  /** Consul's DNS; undefined: nobody said where it is. */
  consulDns: { host: string; port: number } | undefined;
  /** Where hosts and admins reach this bridge, `host:port`; goes into invites and into the serving certificate. */
  advertise: string[];
  /** Where the hosts' Envoys reach Consul's gRPC TLS port, `host:port`. */
  consulGrpc: string[];
  leaseMs: number;
  /** From a host's death until its instances leave the catalog. */
  deregisterAfterMs: number;
  /** Folder with what machines fetch before they join, see bridge/invites/vm-files.ts; it need not be there. */
  /** Namespaces whose MeshServices it knows; empty: all. */
  watched: string[];
  vmFiles: string;
  pod: { name: string; namespace: string; ip: string };
  port: number;
  telemetryPort: number;
  logLevel: string;
  /** The access of MeshServices that do not say it. */
  defaultAccess: DefaultAccess;
  /** The mode of MeshServices that do not say it. Auto: as the bootstrap job found the installation, see defaultMutualTLS. */
  defaultMutualTLS: MutualTLS | 'Auto';
}

const HOUR_MS = 3_600_000;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const NOT_HOST_PORT = 'not of the form host:port';
const addresses = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(z.string().refine((text) => hostAndPort(text) !== undefined, NOT_HOST_PORT)).min(1));

const environment = z.object({
  LANDBRIDGE_CONSUL_HTTP: addresses.default(['landbridge-consul.landbridge.svc:8501']),
  LANDBRIDGE_CONSUL_SERVER_NAME: z.string().min(1).default('server.dc1.consul'),
  LANDBRIDGE_DATACENTER: z.string().min(1).default('dc1'),
  LANDBRIDGE_CONSUL_DNS: z
    .string()
    .transform((text, context) => {
      const at = hostAndPort(text);
      if (text !== '' && at === undefined) context.addIssue(NOT_HOST_PORT);
      return at;
    })
    .prefault('landbridge-consul-dns.landbridge.svc:53'),
  LANDBRIDGE_SECRETS: z.string().min(1).default('/etc/landbridge/bridge'),
  LANDBRIDGE_BRIDGE_ADVERTISE: addresses,
  LANDBRIDGE_CONSUL_GRPC_ADVERTISE: addresses,
  LANDBRIDGE_LEASE_MS: z.coerce.number().int().min(500).max(600_000).default(DEFAULT_LEASE_MS),
  LANDBRIDGE_DEREGISTER_AFTER_HOURS: z.coerce.number().positive().max(8760).default(72),
  /** Comma list. Default: every namespace. */
  LANDBRIDGE_WATCH_NAMESPACES: z
    .string()
    .default('')
    .transform((list) => list.split(',').filter((name) => name !== '')),
  LANDBRIDGE_VM_FILES: z.string().startsWith('/', 'not an absolute path').default('/vm-files'),
  LANDBRIDGE_BRIDGE_PORT: z.coerce.number().int().min(0).max(65535).default(8443),
  LANDBRIDGE_TELEMETRY_PORT: z.coerce.number().int().min(0).max(65535).default(8080),
  LANDBRIDGE_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  LANDBRIDGE_DEFAULT_ACCESS: z.enum(DEFAULT_ACCESS).default('None'),
  LANDBRIDGE_DEFAULT_MUTUAL_TLS: z.enum(['Auto', ...MUTUAL_TLS]).default('Auto'),
  POD_IP: z.union([z.ipv4(), z.ipv6()]).default('127.0.0.1'),
  POD_NAME: z.string().min(1).default('landbridge-bridge'),
  POD_NAMESPACE: z.string().min(1).default('landbridge'),
});

/** Checks the whole environment at once. Throws an Error that names each variable and what is wrong with it. */
export function readSettings(env: Record<string, string | undefined>): BridgeSettings {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const variable = String(issue.path[0]);
      return env[variable] === undefined ? `${variable} is not set` : `${variable}: ${issue.message}`;
    });
    throw new Error(`the environment of the bridge is wrong: ${problems.join('; ')}`);
  }
  const value = parsed.data;
  return {
    consul: {
      addresses: value.LANDBRIDGE_CONSUL_HTTP,
      serverName: value.LANDBRIDGE_CONSUL_SERVER_NAME,
      datacenter: value.LANDBRIDGE_DATACENTER,
    },
    consulDns: value.LANDBRIDGE_CONSUL_DNS,
    secrets: value.LANDBRIDGE_SECRETS,
    advertise: value.LANDBRIDGE_BRIDGE_ADVERTISE,
    consulGrpc: value.LANDBRIDGE_CONSUL_GRPC_ADVERTISE,
    leaseMs: value.LANDBRIDGE_LEASE_MS,
    deregisterAfterMs: value.LANDBRIDGE_DEREGISTER_AFTER_HOURS * HOUR_MS,
    watched: value.LANDBRIDGE_WATCH_NAMESPACES,
    vmFiles: value.LANDBRIDGE_VM_FILES,
    pod: { name: value.POD_NAME, namespace: value.POD_NAMESPACE, ip: value.POD_IP },
    port: value.LANDBRIDGE_BRIDGE_PORT,
    telemetryPort: value.LANDBRIDGE_TELEMETRY_PORT,
    logLevel: value.LANDBRIDGE_LOG_LEVEL,
    defaultAccess: value.LANDBRIDGE_DEFAULT_ACCESS,
    defaultMutualTLS: value.LANDBRIDGE_DEFAULT_MUTUAL_TLS,
  };
}

/** The standardMode of the bridge, whose Secret is mounted at `secrets`. */
export const defaultMutualTLS = ({ defaultMutualTLS: setting, secrets }: BridgeSettings): MutualTLS =>
  standardMode(setting, () => readFileSync(join(secrets, DEFAULT_MUTUAL_TLS_KEY), 'utf8').trim());

export interface BridgeSecrets {
  consulToken: string;
  consulCaPem: string;
  signingKeyPem: string;
  caCertificatePem: string;
  caKeyPem: string;
}

/** Throws an Error that names the missing or unreadable file. */
export function readSecrets(folder: string): BridgeSecrets {
  const read = (file: string): string => {
    let text: string;
    try {
      text = readFileSync(join(folder, file), 'utf8').trim();
    } catch (error) {
      throw new Error(
        `cannot read ${join(folder, file)} (${(error as NodeJS.ErrnoException).code}): LANDBRIDGE_SECRETS names the folder where the Secret landbridge-bridge is mounted`,
      );
    }
    if (text === '') throw new Error(`${join(folder, file)} is empty: ${BOOTSTRAP_AGAIN}`);
    return text;
  };
  return {
    consulToken: read('consul-token'),
    consulCaPem: read('consul-ca.crt'),
    signingKeyPem: read('signing.key'),
    caCertificatePem: read('ca.crt'),
    caKeyPem: read('ca.key'),
  };
}
