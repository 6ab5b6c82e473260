import { z } from 'zod';

/** Kubernetes' spelling of an amount, https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
export const proxyCpu = z
  .string()
  .max(16)
  .regex(/^([1-9]\d*m|\d+(\.\d{1,3})?)$/);
export const proxyMemory = z
  .string()
  .max(16)
  .regex(/^[1-9]\d*(k|Ki|M|Mi|G|Gi)?$/);
const amounts = z.strictObject({ cpu: proxyCpu.optional(), memory: proxyMemory.optional() });

/** Envoy's own names, but for `off`, which YAML 1.1 reads as false. */
const LOG_LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical'] as const;

/**
 * The proxy beside each instance. A service without a word about it gets the defaults. Where a default names the values of the chart, these can set another, which then is in the CRD.
 */
export const proxySettings = z
  .strictObject({
    concurrency: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe('Worker threads of Envoy. 1-64. Default: 1, or sidecar.concurrency of the values.'),
    resources: z
      .strictObject({
        requests: amounts
          .default({ cpu: '10m', memory: '32Mi' })
          .describe('Default: cpu 10m, memory 32Mi, or as the values have it.'),
        limits: amounts
          .default({ memory: '256Mi' })
          .describe('Default: memory 256Mi, and no limit of cpu, or as the values have it.'),
      })
      .prefault({})
      .describe(
        'Requests and limits of the container. In pods only: on a machine they are for its own service manager.',
      ),
    logLevel: z.enum(LOG_LEVELS).default('warning').describe("Envoy's own log. Default: warning."),
    accessLog: z
      .enum(['none', 'json'])
      .default('none')
      .describe(
        'json: one JSON object a request (http) or connection (tcp) on standard output, in both directions. Running proxies take it over for new connections at once, and for others within drainTime. Default: none.',
      ),
    drainTime: z
      .string()
      .max(16)
      .regex(/^(\d{1,5}s|\d{1,4}m|1h)$/)
      .default('10m')
      .describe(
        'How long connections may stay on a listener whose settings changed; http connections are asked to leave bit by bit. 1s-1h, for example 30s or 5m. Default: 10m.',
      ),
    stopDelay: z
      .string()
      .max(4)
      .regex(/^\d{1,3}s$/)
      // No default in the CRD: a bridge of the version before would take MeshServices with the field for unreadable.
      .optional()
      .describe(
        'How long the containers of a pod run on before the kubelet stops them: they answer calls while callers hear that the pod leaves, even where the app ends at once. Set as a preStop hook (sleep) in containers without one, at most half of terminationGracePeriodSeconds, in pods with a port and restartPolicy Always that a controller (a Deployment, say) replaces. Kubernetes 1.29 has no such hook. 0s: no delay. 0s-300s. Default: 5s.',
      ),
    appConnections: z
      .enum(['Kept', 'PerRequest'])
      // No default in the CRD, for the same reason.
      .optional()
      .describe(
        'Connections of the sidecar to an app of protocol http. Kept: they are used again, and closed after half a second without a request. PerRequest: each request has its own, for an app that hangs up on kept connections; a request takes 0.1 to 0.2 ms longer. A change is in force at once. Default: Kept.',
      ),
    stats: z
      .strictObject({
        tags: z
          .record(z.string().max(63), z.string().max(128))
          .default({})
          .describe('Tags added to every stat of the proxy, for example team: payments. At most 16. Default: none.')
          .meta({ maxProperties: 16 }),
        extra: z
          .array(z.enum(['eventLoop']))
          .max(1)
          .default([])
          .describe('eventLoop: histograms of how long the worker threads take and wait. Default: none.')
          .meta({ 'x-kubernetes-list-type': 'set' }),
      })
      .prefault({})
      .describe('Statistics beyond the standard ones of every proxy.'),
  })
  .prefault({})
  .describe(
    'The Envoy beside each instance. A change, but for accessLog, is taken over by pods made from then on, and on machines when the proxy starts next.',
  )
  .meta({
    'x-kubernetes-validations': [
      {
        rule: "!has(self.drainTime) || (duration(self.drainTime) >= duration('1s') && duration(self.drainTime) <= duration('1h'))",
        message: 'proxy.drainTime must be from 1s to 1h',
      },
      {
        rule: "!has(self.stopDelay) || duration(self.stopDelay) <= duration('300s')",
        message: 'proxy.stopDelay must be from 0s to 300s',
      },
      {
        rule: "!has(self.stats) || !has(self.stats.tags) || self.stats.tags.all(t, t.matches('^[a-zA-Z_][a-zA-Z0-9_.]*$'))",
        message: 'the names in proxy.stats.tags begin with a letter and hold letters, digits, dots and underscores',
      },
    ],
  });

export type ProxySettings = z.output<typeof proxySettings>;

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** Seconds of a `drainTime`. */
export const drainSeconds = ({ drainTime }: Pick<ProxySettings, 'drainTime'>): number =>
  Number.parseInt(drainTime, 10) * SECONDS[drainTime.at(-1)!]!;

const STOP_DELAY = '5s';
/** Kubernetes' default, https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination */
const GRACE_SECONDS = 30;

/**
 * Seconds of a `stopDelay` in a pod. The app keeps at least half of the time in which it has to end. Pods that run once
 * (Jobs) get no delay, since nobody calls them by name.
 */
export function stopSeconds(
  { stopDelay = STOP_DELAY }: Pick<ProxySettings, 'stopDelay'>,
  pod: { restartPolicy?: string; terminationGracePeriodSeconds?: number | null },
): number {
  if ((pod.restartPolicy ?? 'Always') !== 'Always') return 0;
  const grace = pod.terminationGracePeriodSeconds ?? GRACE_SECONDS;
  // The API server takes a negative one, and counts it as 1.
  return Math.min(Number.parseInt(stopDelay, 10), Math.floor(Math.max(grace, 1) / 2));
}
