import { setTimeout as delay } from 'node:timers/promises';
import { AT_ONCE } from '../../mesh/foreign/contest.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { events } from '../../clients/kube/resources.ts';
import { type Measure, timed } from '../measure.ts';
import type { Rig } from '../rig/rig.ts';
import { firstWalksOf, idleFor } from './idle.ts';
import { isAsBefore, writeForeign } from './foreign-time.ts';

const KIND = 'service-defaults';
const WRITES_A_SECOND = 10;
/** From one look at an entry to the next: times are so much too long at most. */
const LOOK_MS = 50;
const BUILD_DEADLINE_MS = 600_000;
const REST_MS = 60_000;

/** The cost of an operator of many MeshServices while nobody, and while somebody else, writes config entries. */
export const foreignChurn: Measure = {
  name: 'foreign-churn',
  apart: true,
  async run(rig, { meshServices, idleMs, verifySeconds }, found) {
    const operator = await rig.operator(verifySeconds);
    const name = (index: number): string => `churn-${index}`;
    await rig.pods.each(meshServices, (index) => rig.pods.declare(name(index)));
    await rig.meshServices.untilAll(meshServices, ({ consul }) => consul !== undefined, BUILD_DEADLINE_MS);
    await firstWalksOf(operator, meshServices);
    await delay(idleMs / 2);
    const at = `${meshServices} MeshServices`;
    const idle = await idleFor(operator, idleMs);
    found({ parameters: `idle, ${at}`, unit: '% of a core', samples: [idle.percent] });

    const putRight = (): Promise<number> => operator.metric('landbridge_foreign_writes_total');
    const before = await putRight();
    const rightMs: number[] = [];
    const pending: Promise<void>[] = [];
    /** One more write of an entry would begin a contest, which is backed off. */
    const most = (AT_ONCE - 1) * meshServices;
    const busyMs = Math.min(idleMs, (most * 1000) / WRITES_A_SECOND);
    let writing = true;
    let written = 0;
    const writer = (async () => {
      for (; writing && written < most; written++) {
        // Another MeshService each time.
        const service = name(written % meshServices);
        const write = async (): Promise<void> => {
          const held = await writeForeign(rig, KIND, service);
          const wroteMs = performance.now();
          const right = isAsBefore(rig, KIND, service, held, LOOK_MS);
          // One that is never right again shows by its time.
          const looked = right.catch(() => undefined);
          pending.push(looked.then(() => void rightMs.push(performance.now() - wroteMs)));
        };
        await Promise.all([write(), delay(1000 / WRITES_A_SECOND)]);
      }
    })();
    const busy = await idleFor(operator, busyMs);
    writing = false;
    await writer;
    await Promise.all(pending);
    const restMs = await timed(() =>
      eventually('each foreign write is counted', REST_MS, async () => (await putRight()) - before >= written),
    );
    const load = `${WRITES_A_SECOND} foreign writes a second wanted, ${at}`;
    found({
      parameters: load,
      unit: '% of a core',
      samples: [busy.percent],
      note: `${written} written, ${(await putRight()) - before} counted as put right, the last ${(restMs / 1000).toFixed(1)} s after it was; ${await told(rig)} told by Events`,
    });
    found({
      parameters: `CPU for each write, ${load}`,
      unit: 'ms',
      samples: [((busy.percent - idle.percent) * busyMs) / 100 / written],
    });
    found({ parameters: `written -> right again, ${load}`, unit: 'ms', samples: rightMs, bar: { max: 1000 } });
    found({ parameters: `resident, ${at}`, unit: 'MB', samples: [...idle.residentMb, ...busy.residentMb] });
  },
};

/** Number of Events about foreign entries, those of a series included. */
async function told({ kube }: Rig): Promise<number> {
  const { items } = await kube.client.list<KubeObject & { series?: { count: number } }>(events);
  return items
    .filter(({ reason }) => reason === 'ForeignEntry')
    .reduce((sum, { series }) => sum + (series?.count ?? 1), 0);
}
