import { z } from 'zod';
import {
  CONSUL_HTTPS_PORT,
  CONSUL_SERVER_NAME,
  CONSUL_SERVICE,
  EXTERNAL_CONSUL_DIRECTORY,
  NAMESPACE,
} from '../../mesh/installation/installation.ts';

/** The settings of the bootstrap job, from its environment. */
export interface BootstrapSettings {
  cluster: string;
  namespace: string;
  /** `host:port` list of Consul's HTTPS API, and the name in its certificate. */
  consul: { addresses: string[]; serverName: string };
  /** Servers that were there before: the folder with their CA, and with the token by which to make policies. */
  external?: { folder: string; manageAcls: boolean };
  /** Longest life of a token given to a sidecar, as a Go duration. */
  tokenTtl: string;
  /** Where machines reach the bridge: comma list of host:port, empty without a bridge. */
  bridgeAddresses: string;
  /** How long to wait for Consul before giving up, ms. */
  patienceMs: number;
  logLevel: string;
}

const environment = z.object({
  LANDBRIDGE_CLUSTER: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'is no name of lower-case letters and digits'),
  LANDBRIDGE_CONSUL_HTTP: z
    .string()
    .regex(/^[^\s,]+:\d+(,[^\s,]+:\d+)*$/, 'is no list of host:port')
    .default(`${CONSUL_SERVICE}.${NAMESPACE}.svc:${CONSUL_HTTPS_PORT}`),
  LANDBRIDGE_CONSUL_EXTERNAL: z.enum(['true', 'false']).default('false'),
  LANDBRIDGE_CONSUL_EXTERNAL_FOLDER: z.string().min(1).default(EXTERNAL_CONSUL_DIRECTORY),
  LANDBRIDGE_CONSUL_MANAGE_ACLS: z.enum(['true', 'false']).default('true'),
  LANDBRIDGE_CONSUL_SERVER_NAME: z.string().min(1).default(CONSUL_SERVER_NAME),
  LANDBRIDGE_TOKEN_TTL: z
    .string()
    .regex(/^\d+[mh]$/, 'is no duration such as 30m or 1h')
    .default('1h'),
  LANDBRIDGE_BRIDGE_ADVERTISE: z.string().default(''),
  LANDBRIDGE_BOOTSTRAP_PATIENCE_SECONDS: z.coerce.number().positive().default(600),
  LANDBRIDGE_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  POD_NAMESPACE: z.string().min(1).default(NAMESPACE),
});

/** Checks the whole environment at once. Throws an Error that names each variable and what is wrong with it. */
export function readSettings(env: Record<string, string | undefined>): BootstrapSettings {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: [name], message }) =>
      env[String(name)] === undefined ? `${String(name)} is not set` : `${String(name)} ${message}`,
    );
    throw new Error(`the environment of the bootstrap job is wrong: ${problems.join('; ')}`);
  }
  const value = parsed.data;
  return {
    cluster: value.LANDBRIDGE_CLUSTER,
    namespace: value.POD_NAMESPACE,
    consul: { addresses: value.LANDBRIDGE_CONSUL_HTTP.split(','), serverName: value.LANDBRIDGE_CONSUL_SERVER_NAME },
    ...(value.LANDBRIDGE_CONSUL_EXTERNAL === 'true' && {
      external: {
        folder: value.LANDBRIDGE_CONSUL_EXTERNAL_FOLDER,
        manageAcls: value.LANDBRIDGE_CONSUL_MANAGE_ACLS === 'true',
      },
    }),
    tokenTtl: value.LANDBRIDGE_TOKEN_TTL,
    bridgeAddresses: value.LANDBRIDGE_BRIDGE_ADVERTISE,
    patienceMs: value.LANDBRIDGE_BOOTSTRAP_PATIENCE_SECONDS * 1000,
    logLevel: value.LANDBRIDGE_LOG_LEVEL,
  };
}
