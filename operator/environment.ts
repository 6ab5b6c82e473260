import { z } from 'zod';
import { MUTUAL_TLS } from '../crds/doors.ts';
import { DEFAULT_ACCESS } from '../mesh/service/default-access.ts';
import { hostAndPort } from '../mesh/names/host-and-port.ts';
import { EDGE_HTTPS_PORT, EDGE_HTTP_PORT, GATEWAY_PORT } from '../mesh/installation/installation.ts';

const hostPort = z.string().transform((text, context) => {
  const parsed = hostAndPort(text);
  if (parsed === undefined) context.addIssue({ code: 'custom', message: 'want host:port, or [IPv6 address]:port' });
  return parsed ?? z.NEVER;
});

const rules = z.strictObject({ hosts: z.record(z.string(), z.array(z.string())).default({}) });

/** `edge.hosts` of the values, in JSON. */
const hostRules = z.string().transform((text, context) => {
  try {
    return new Map(Object.entries(rules.parse(JSON.parse(text)).hosts));
  } catch {
    context.addIssue({ code: 'custom', message: 'want {"hosts": {HOST: [NAMESPACE, ...]}}' });
    return z.NEVER;
  }
});

const environment = z.object({
  LANDBRIDGE_CLUSTER: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'want a DNS label')
    .default('lab'),
  /** host:port list. */
  LANDBRIDGE_CONSUL_HTTP: z
    .string()
    .regex(/^[^\s,]+:\d+(,[^\s,]+:\d+)*$/, 'want a list of host:port')
    .transform((list) => list.split(',')),
  LANDBRIDGE_CONSUL_GRPC: hostPort,
  LANDBRIDGE_CONSUL_SERVER_NAME: z.string().default('server.dc1.consul'),
  /** The access to services that do not name their callers. */
  LANDBRIDGE_DEFAULT_ACCESS: z.enum(DEFAULT_ACCESS).default('None'),
  /** The mode of MeshServices that do not set one. Auto: as the bootstrap job found the installation. */
  LANDBRIDGE_DEFAULT_MUTUAL_TLS: z.enum(['Auto', ...MUTUAL_TLS]).default('Auto'),
  LANDBRIDGE_DATACENTER: z.string().default('dc1'),
  LANDBRIDGE_SECRETS: z.string().default('/etc/landbridge/operator'),
  LANDBRIDGE_SIDECAR_IMAGE: z.string(),
  LANDBRIDGE_SIDECAR_PULL_POLICY: z.enum(['IfNotPresent', 'Always', 'Never']).default('IfNotPresent'),
  /** Whether the chart deploys the edge gateway. */
  LANDBRIDGE_EDGE: z.enum(['enabled', 'disabled']).default('disabled'),
  LANDBRIDGE_EDGE_HTTP_PORT: z.coerce.number().int().default(EDGE_HTTP_PORT),
  LANDBRIDGE_EDGE_HTTPS_PORT: z.coerce.number().int().default(EDGE_HTTPS_PORT),
  LANDBRIDGE_EDGE_HOSTS: hostRules.prefault('{}'),
  /** Whether the chart deploys the terminating gateway. */
  LANDBRIDGE_GATEWAY: z.enum(['enabled', 'disabled']).default('disabled'),
  LANDBRIDGE_GATEWAY_PORT: z.coerce.number().int().default(GATEWAY_PORT),
  LANDBRIDGE_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  /** Comma list. Default: every namespace. */
  LANDBRIDGE_WATCH_NAMESPACES: z
    .string()
    .default('')
    .transform((list) => list.split(',').filter((name) => name !== '')),
  LANDBRIDGE_VERIFY_SECONDS: z.coerce.number().int().min(1).max(3600).default(30),
  LANDBRIDGE_WEBHOOK_PORT: z.coerce.number().int().default(9443),
  LANDBRIDGE_PROBE_PORT: z.coerce.number().int().default(8080),
  POD_NAME: z.string(),
  POD_NAMESPACE: z.string(),
  /** The first address of its pod; empty: not known. */
  POD_IP: z.string().default(''),
});

/** The operator's settings. */
export type Environment = z.output<typeof environment>;

/** Reads the settings; throws one sentence that names each variable that is wrong. */
export function readEnvironment(env: NodeJS.ProcessEnv): Environment {
  const result = environment.safeParse(env);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`the environment is not complete: ${problems.join('; ')}`);
}
