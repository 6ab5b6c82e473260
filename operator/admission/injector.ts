import type { KubeClient } from '../../clients/kube/client.ts';
import type { Log } from '../../base/log.ts';
import type { Pod } from '../../crds/kubernetes.ts';
import { expiresAtMs } from '../../clients/pki/authority.ts';
import { forbidsHostPorts } from '../../mesh/traffic/host-port.ts';
import type { SidecarSettings } from '../../mesh/inject/sidecar.ts';
import { rememberedHostPorts } from './host-ports.ts';
import type { OperatorMetrics } from '../observe/metrics.ts';
import { review } from './review.ts';
import { validate } from './validate.ts';
import { type WebhookCertificate, readCertificate, rotateCertificate } from './webhook-certificate.ts';
import { type Webhook, serveWebhook } from './webhook.ts';
import type { World } from '../world/world.ts';

export interface InjectorOptions {
  kube: KubeClient;
  world: World;
  settings: SidecarSettings;
  namespace: string;
  port: number;
  /** True on the replica that leads: it makes the steps of the rotation; the others follow within a minute. */
  leads: () => boolean;
  metrics: OperatorMetrics;
  nowMs: () => number;
  /** 0 <= random() < 1. */
  random: () => number;
  signal: AbortSignal;
  log: Log;
}

const CERTIFICATE_PERIOD_MS = 30_000;

export interface Injector {
  webhook: Webhook;
  /** Looks at the certificate now instead of at the next period. */
  refresh(): void;
}

/** The webhook with its certificate kept fresh. Served by every replica; answers from memory alone. */
export async function runInjector(options: InjectorOptions): Promise<Injector> {
  const { kube, world, namespace, metrics, nowMs, signal, log } = options;
  const certificates = { kube, namespace, nowMs };
  const podSecurityOf = (name: string): string | undefined => world.namespaces.get(name)?.podSecurity;
  const hostPorts = rememberedHostPorts(world, options.random, nowMs);
  const hostPortIn = (name: string, pod: Pod): number | undefined =>
    forbidsHostPorts(podSecurityOf(name)) ? undefined : hostPorts(pod);
  let current: WebhookCertificate = await readCertificate(certificates);
  const webhook = await serveWebhook({
    port: options.port,
    certificate: current.serving,
    review: (request) => review(request, world.inNamespace, options.settings, hostPortIn, world.around.named),
    validate: (request) => validate(request, world.around, podSecurityOf(request.namespace ?? ''), world.rivals),
    onReview: ({ decision }, seconds) => {
      metrics.admissions.inc({ decision: decision.do === 'skip' ? `skip:${decision.reason}` : decision.do });
      metrics.admissionSeconds.observe(seconds);
    },
    log,
  });

  const refresh = async (): Promise<void> => {
    try {
      const next = options.leads() ? await rotateCertificate(certificates) : await readCertificate(certificates);
      if (next.serving.certPem !== current.serving.certPem) {
        webhook.useCertificate(next.serving);
        log.info(
          { expires: new Date(expiresAtMs(next.serving.certPem)).toISOString() },
          'serving with a new certificate',
        );
      }
      current = next;
      metrics.certificateExpiry.set(expiresAtMs(next.serving.certPem) / 1000);
    } catch (error) {
      log.warn({ err: error }, 'could not look at the webhook certificate');
    }
  };
  let timer: NodeJS.Timeout;
  const turn = async (): Promise<void> => {
    await refresh();
    if (!signal.aborted) timer = setTimeout(() => void turn(), CERTIFICATE_PERIOD_MS);
  };
  await turn();
  signal.addEventListener('abort', () => clearTimeout(timer));
  return { webhook, refresh: () => void refresh() };
}
