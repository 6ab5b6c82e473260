import { z } from 'zod';

/** How an app is checked, by an agent beside it or by a bridge from afar. */

const everyMs = {
  intervalMs: z.int().min(200).max(60_000).default(1000),
  timeoutMs: z.int().min(50).max(30_000).default(1000),
};
const http = z.strictObject({
  type: z.literal('http'),
  path: z.string().max(1024).startsWith('/').default('/'),
  ...everyMs,
});
/** Where a health port of its own answers, as of a Spring actuator. Then the app's port must take a connection as well. */
const localHttp = http.extend({ port: z.int().min(1).max(65_535).optional() });
const tcp = z.strictObject({ type: z.literal('tcp'), ...everyMs });
const grpc = z.strictObject({
  type: z.literal('grpc'),
  /** As the app's health service calls it; default: the server as a whole. */
  service: z
    .string()
    .max(255)
    .regex(/^[\w./-]*$/, 'letters, digits, and . _ / -')
    .default(''),
  ...everyMs,
});
const exec = z.strictObject({
  type: z.literal('exec'),
  /** Program and arguments; no shell reads them. The port is in LANDBRIDGE_PORT. */
  command: z.array(z.string().min(1).max(4096)).min(1).max(64),
  ...everyMs,
});

/** `http` wants 2xx or 3xx; `tcp` a connection; `grpc` SERVING of the standard health service. */
export const checkSpec = z.discriminatedUnion('type', [http, tcp, grpc]);
export type CheckSpec = z.output<typeof checkSpec>;

/** On a machine also `exec`, run as the agent's user (exit code 0 passes), and HTTP at another port. Never taken from the network. */
export const localCheckSpec = z.discriminatedUnion('type', [localHttp, tcp, grpc, exec]);
export type LocalCheckSpec = z.output<typeof localCheckSpec>;
