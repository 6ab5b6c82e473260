import type { GateState } from '../gate/gate.ts';
import type { Finding, Measure } from '../measure.ts';
import { NEVER_VERIFY_SECONDS, type Rig } from '../rig/rig.ts';
import { openWebhook, type WebhookClient } from '../rig/webhook-client.ts';

const STATES: { state: GateState; words: string; peer: string }[] = [
  { state: 'open', words: 'Consul well', peer: '241 of 300 lost' },
  { state: 'refused', words: 'Consul stopped', peer: '19 to 20 of 20 lost' },
  { state: 'frozen', words: 'Consul frozen', peer: '19 to 20 of 20 lost' },
];

/** The API server waits this long at most, and this is what is lost when it does not get its answer. */
const LIMIT_MS = 10_000;

/** Many admissions at once, each over a connection of its own, while a pod flips: with Consul away a walk hangs or fails. */
export const admissionBurst: Measure = {
  name: 'admission-burst',
  async run(rig, scale, found) {
    const operator = await rig.operator(NEVER_VERIFY_SECONDS);
    const service = await rig.population(scale.size);
    const webhook = await openWebhook(rig.kube.client, operator.webhookPort);
    try {
      for (const { state, words, peer } of STATES) {
        await rig.gate.turn(state);
        try {
          await rig.pods.setReady(service, 0, false);
          for (const finding of await burst(webhook, service, scale.burst, words)) found({ ...finding, peer });
        } finally {
          await rig.gate.turn('open');
        }
        await restore(rig, service, scale.size);
      }
    } finally {
      webhook.close();
    }
  },
};

async function burst(
  webhook: WebhookClient,
  service: string,
  count: number,
  words: string,
): Promise<Omit<Finding, 'measure'>[]> {
  const asked = Array.from({ length: count }, () => webhook.review(service, 'new', LIMIT_MS));
  const answers = await Promise.allSettled(asked);
  const served = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const lost: Omit<Finding, 'measure'> = {
    parameters: `${count} at once, not served; ${words}`,
    unit: 'lost',
    samples: [count - served.length],
    bar: { max: 0 },
  };
  if (served.length === 0) return [lost];
  return [{ parameters: `${count} at once; ${words}`, unit: 'ms', samples: served, bar: { p99: 400 } }, lost];
}

async function restore(rig: Rig, service: string, size: number): Promise<void> {
  await rig.meshServices.until(service, ({ pods }) => pods === `${size - 1}/${size}`);
  await rig.pods.setReady(service, 0, true);
  await rig.meshServices.until(service, ({ pods }) => pods === `${size}/${size}`);
}
