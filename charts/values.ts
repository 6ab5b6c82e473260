import { z } from 'zod';

/** What one may set in a values file: each key with its default and what it is for. */

const quantity = z.string().regex(/^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/, 'is no quantity such as 100m or 64Mi');
const amounts = z.strictObject({ cpu: quantity.optional(), memory: quantity.optional() });

const resources = (cpu: string, memory: string, memoryLimit: string) =>
  z
    .strictObject({
      requests: amounts.default({ cpu, memory }),
      // No CPU limit: throttling a control plane makes every sidecar wait.
      limits: amounts.default({ memory: memoryLimit }),
    })
    .prefault({})
    .describe('Requests and limits of the container.');

const hostPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'is no host:port such as 192.0.2.10:30443');
const advertise = (what: string) =>
  z.array(hostPort).default([]).describe(`host:port list under which machines outside the cluster reach ${what}.`);
const nodePort = (port: number) => z.int().min(1).max(65535).default(port).describe('Port on every node.');

const toleration = z.strictObject({
  key: z.string().optional(),
  operator: z.enum(['Equal', 'Exists']).optional(),
  value: z.string().optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  tolerationSeconds: z.int().optional(),
});

/** Stock Envoy of the version that the suites prove. */
export const ENVOY_IMAGE = 'envoyproxy/envoy:v1.40.0';

const images = z.strictObject({
  landbridge: z.string().min(1).default('landbridge/landbridge:0.1.0').describe('Operator and bootstrap job.'),
  bridge: z
    .string()
    .min(1)
    .default('landbridge/bridge:0.1.0')
    .describe(
      'The bridge: the same, and Envoy for machines that join; `images.landbridge` does when it need serve none.',
    ),
  envoy: z.string().min(1).default(ENVOY_IMAGE).describe('The sidecar; Envoy at /usr/local/bin/envoy.'),
  consul: z.string().min(1).default('hashicorp/consul:1.22.6').describe('The Consul server; `consul` on the PATH.'),
});

const operator = z.strictObject({
  replicas: z
    .int()
    .min(1)
    .max(5)
    .default(2)
    .describe('One leads; all answer the admission webhook, so with 2 a node may go.'),
  resources: resources('50m', '96Mi', '256Mi'),
});

const bridge = z.strictObject({
  enabled: z.boolean().default(false).describe('Whether machines outside the cluster may join.'),
  nodePort: nodePort(30443),
  advertise: advertise('bridge.nodePort'),
  leaseSeconds: z.int().min(2).max(300).default(6).describe('A machine not heard of for so long gets no more traffic.'),
  resources: resources('50m', '96Mi', '256Mi'),
});

const consul = z.strictObject({
  storageClass: z.string().min(1).optional().describe("Default: the cluster's default class."),
  storage: quantity.default('1Gi').describe('Size of the volume.'),
  xdsNodePort: nodePort(30503).describe('Port on every node, opened with the bridge.'),
  advertise: advertise('consul.xdsNodePort'),
  tokenTtl: z
    .string()
    .regex(/^\d+[mh]$/, 'is no number of minutes or hours such as 30m or 1h')
    .refine((ttl) => minutes(ttl) >= 10 && minutes(ttl) <= 24 * 60, 'is not from 10m to 24h')
    .default('1h')
    .describe("Life of a sidecar's Consul token, from 10m to 24h; it is replaced at half of it."),
  resources: resources('100m', '128Mi', '512Mi'),
});

const minutes = (ttl: string): number => Number.parseInt(ttl, 10) * (ttl.endsWith('h') ? 60 : 1);

export const valuesSchema = z
  .strictObject({
    cluster: z
      .string()
      .max(63)
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'is no name of lower-case letters, digits and dashes')
      .default('lab')
      .describe('Name of this cluster in Consul: part of node names, so never change it.'),
    images: images.prefault({}),
    imagePullPolicy: z
      .enum(['IfNotPresent', 'Always', 'Never'])
      .default('IfNotPresent')
      .describe('Of all images, the sidecar included.'),
    logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Of all processes.'),
    nodeSelector: z.record(z.string(), z.string()).default({}).describe('Labels of the nodes to run on.'),
    tolerations: z.array(toleration).default([]).describe('Taints to run in spite of.'),
    operator: operator.prefault({}),
    bridge: bridge.prefault({}),
    consul: consul.prefault({}),
  })
  .superRefine(({ bridge, consul }, context) => {
    if (!bridge.enabled) return;
    for (const [key, value, port] of [
      ['bridge', bridge, bridge.nodePort],
      ['consul', consul, consul.xdsNodePort],
    ] as const) {
      if (value.advertise.length > 0) continue;
      const message = `is empty, but machines can only join at an address: name at least one, for example 192.0.2.10:${port}`;
      context.addIssue({ code: 'custom', path: [key, 'advertise'], message });
    }
    if (bridge.nodePort === consul.xdsNodePort) {
      context.addIssue({ code: 'custom', path: ['bridge', 'nodePort'], message: 'is consul.xdsNodePort too' });
    }
  });

export type ValuesInput = z.input<typeof valuesSchema>;
export type Values = z.output<typeof valuesSchema>;

/** What is wrong with a values file: one line a problem, each starting with the key. */
export class ValuesError extends Error {
  override readonly name = 'ValuesError';
}

/** Fills the defaults in. Throws ValuesError that names every bad key. An empty file is an empty object. */
export function parseValues(input: unknown): Values {
  const parsed = valuesSchema.safeParse(input ?? {});
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.flatMap(linesOf);
  throw new ValuesError(`The values cannot be used:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

function linesOf(issue: z.core.$ZodIssue): string[] {
  const at = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [`${at || 'the file'}: ${issue.message}`];
  const known = keysAt(issue.path);
  return issue.keys.map((key) => {
    const full = [...issue.path, key].join('.');
    return `${full}: there is no such key${known.length > 0 ? `; known here: ${known.join(', ')}` : ''}`;
  });
}

/** The keys the schema has at a path. */
function keysAt(path: PropertyKey[]): string[] {
  let at: unknown = z.toJSONSchema(valuesSchema, { io: 'input' });
  for (const step of path) {
    const node = at as { properties?: Record<string, unknown>; items?: unknown };
    at = typeof step === 'number' ? node.items : node.properties?.[String(step)];
  }
  return Object.keys((at as { properties?: object } | undefined)?.properties ?? {});
}
