import type { Measure } from '../measure.ts';
import { NEVER_VERIFY_SECONDS } from '../rig/rig.ts';
import { openWebhook } from '../rig/webhook-client.ts';

/** One admission after the other over one kept TLS connection. */
export const admissionTime: Measure = {
  name: 'admission-time',
  async run(rig, scale, found) {
    const operator = await rig.operator(NEVER_VERIFY_SECONDS);
    const service = await rig.population(scale.size);
    const webhook = await openWebhook(rig.kube.client, operator.webhookPort);
    try {
      // The connection, and code that is not compiled yet, are not what a busy cluster sees.
      for (let turn = 0; turn < 50; turn++) await webhook.review(service, 'kept');
      const samples: number[] = [];
      for (let turn = 0; turn < scale.admissions; turn++) samples.push(await webhook.review(service, 'kept'));
      found({
        parameters: 'one after the other, TLS kept alive',
        unit: 'ms',
        samples,
        bar: { p50: 1.5, p99: 6 },
        peer: 'p50 200, throttled to 5 a second',
      });
    } finally {
      webhook.close();
    }
  },
};
