import type { Measure } from '../measure.ts';
import type { OperatorProcess } from '../../test/support/rigs/operator-process.ts';
import { NEVER_VERIFY_SECONDS, type Rig } from '../rig/rig.ts';
import { openWebhook } from '../rig/webhook-client.ts';
import { summarise } from '../summary.ts';
import { firstWalksOf, idleFor } from './idle.ts';

const BUILD_DEADLINE_MS = 300_000;

/** Memory and idle cost of an operator that was started in a large cluster. */
export const crowd: Measure = {
  name: 'crowd',
  apart: true,
  async run(rig, scale, found) {
    const { meshServices, podsOfEach, idleMs, verifySeconds } = scale;
    const total = meshServices * podsOfEach;
    const names = Array.from({ length: meshServices }, (_, index) => `crowd-${index}`);

    await rig.operator(NEVER_VERIFY_SECONDS);
    await rig.pods.each(meshServices, (index) => rig.pods.declare(names[index]!));
    await rig.meshServices.untilAll(meshServices, ({ consul }) => consul !== undefined, BUILD_DEADLINE_MS);
    const empty = await idleFor(await startAnew(rig, verifySeconds, meshServices), idleMs / 4);

    await rig.operator(NEVER_VERIFY_SECONDS);
    await rig.pods.each(meshServices, async (index) => {
      for (let pod = 0; pod < podsOfEach; pod++) await rig.pods.createReady(names[index]!, pod, pod + 1);
    });
    const all = `${podsOfEach}/${podsOfEach}`;
    await rig.meshServices.untilAll(meshServices, ({ pods }) => pods === all, BUILD_DEADLINE_MS);
    const operator = await startAnew(rig, verifySeconds, meshServices);
    const full = await idleFor(operator, idleMs);

    const at = `${meshServices} MeshServices / ${total} pods`;
    found({ parameters: `resident, ${at}`, unit: 'MB', samples: full.residentMb, bar: { max: 220 } });
    const growth = ((summarise(full.residentMb).p50 - summarise(empty.residentMb).p50) * 1024) / total;
    found({
      parameters: 'growth of the resident memory a pod',
      unit: 'KB',
      samples: [growth],
      note: `without pods: ${summarise(empty.residentMb).p50.toFixed(0)} MB; the heap in use grew from ${empty.heapMb.toFixed(0)} to ${full.heapMb.toFixed(0)} MB`,
    });
    found({ parameters: `idle, ${at}`, unit: '% of a core', samples: [full.percent], bar: { max: 2 } });
    found({
      parameters: `idle, ${meshServices} MeshServices without pods`,
      unit: '% of a core',
      samples: [empty.percent],
    });
    await admissionsAmong(rig, operator, names[0]!, Math.min(300, scale.admissions), (samples) =>
      found({ parameters: `admission, ${meshServices} MeshServices in the namespace`, unit: 'ms', samples }),
    );
  },
};

/** A fresh operator, after it has walked each MeshService once: memory is of what it holds, not of how it came there. */
async function startAnew(rig: Rig, verifySeconds: number, meshServices: number): Promise<OperatorProcess> {
  const operator = await rig.operator(verifySeconds, 'anew');
  await firstWalksOf(operator, meshServices);
  return operator;
}

async function admissionsAmong(
  rig: Rig,
  operator: OperatorProcess,
  service: string,
  count: number,
  done: (samples: number[]) => void,
): Promise<void> {
  const webhook = await openWebhook(rig.kube.client, operator.webhookPort);
  try {
    const samples: number[] = [];
    for (let turn = 0; turn < 50 + count; turn++) {
      const tookMs = await webhook.review(service, 'kept');
      if (turn >= 50) samples.push(tookMs);
    }
    done(samples);
  } finally {
    webhook.close();
  }
}
