import { meshServices } from '../../clients/kube/resources.ts';
import type { OperatorProcess } from '../../test/support/rigs/operator-process.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { Measure } from '../measure.ts';
import { NAMESPACE } from '../rig/installation.ts';
import { cpuSeconds, residentBytes } from '../rig/process-stat.ts';
import { NEVER_VERIFY_SECONDS, type Rig } from '../rig/rig.ts';
import { type PodSize, type WebhookClient, openWebhook } from '../rig/webhook-client.ts';

const SERVICE = 'weighed';
const UPSTREAMS = 10;
const LARGE: PodSize = { containers: 40, variables: 50 };
const USUAL: PodSize = { containers: 1, variables: 100 };
const BURST = 100;
const MB = 1024 * 1024;
/** The API server waits this long. */
const LIMIT_MS = 10_000;

/** The CPU time and memory that the operator needs for a large pod, and for many usual pods at once. */
export const admissionWeight: Measure = {
  name: 'admission-weight',
  async run(rig, scale, found) {
    const operator = await rig.operator(NEVER_VERIFY_SECONDS);
    await declare(rig);
    const webhook = await openWebhook(rig.kube.client, operator.webhookPort);
    try {
      await eventually('the webhook knows it', 20_000, () => webhook.review(SERVICE, 'kept').catch(() => undefined));
      const turns = Math.min(200, scale.admissions);
      const large = await weigh(operator, webhook, turns);
      const words = `${LARGE.containers} containers, ${LARGE.containers * LARGE.variables} variables, ${UPSTREAMS} upstreams`;
      found({ parameters: `CPU each, ${words}`, unit: 'ms', samples: [large.cpuMs / turns], bar: { max: 20 } });
      found({ parameters: `resident memory grew by, ${turns} such pods`, unit: 'MB', samples: [large.grownMb] });

      const before = await cpuSeconds(operator.pid);
      const asked = Array.from({ length: BURST }, () => webhook.review(SERVICE, 'new', LIMIT_MS, USUAL));
      const answers = await Promise.allSettled(asked);
      const spent = (await cpuSeconds(operator.pid)) - before;
      const burst = `${BURST} at once, ${USUAL.variables} variables each`;
      const lost = answers.filter(({ status }) => status === 'rejected').length;
      found({ parameters: `${burst}, past 10 s`, unit: 'lost', samples: [lost], bar: { max: 0 } });
      found({ parameters: `${burst}, in all`, unit: 'CPU s', samples: [spent], bar: { max: 1 } });
    } finally {
      webhook.close();
    }
  },
};

const declare = (rig: Rig) =>
  rig.kube.client.apply(meshServices, {
    metadata: { name: SERVICE, namespace: NAMESPACE },
    spec: {
      port: 8080,
      protocol: 'http',
      workloads: { pods: { selector: { matchLabels: { app: SERVICE } } } },
      upstreams: Array.from({ length: UPSTREAMS }, (_, index) => ({ service: `up-${index}`, localPort: 9000 + index })),
    },
  });

/** CPU of all turns together, once warm, and by how much the memory is larger after them. */
async function weigh({ pid }: OperatorProcess, webhook: WebhookClient, turns: number) {
  const review = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn++) await webhook.review(SERVICE, 'kept', LIMIT_MS, LARGE);
  };
  await review(100);
  const [cpu, resident] = [await cpuSeconds(pid), await residentBytes(pid)];
  await review(turns);
  return { cpuMs: ((await cpuSeconds(pid)) - cpu) * 1000, grownMb: ((await residentBytes(pid)) - resident) / MB };
}
