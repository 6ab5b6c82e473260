import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../test/support/eventually.ts';
import { type Measure, timed } from '../measure.ts';
import { firstWalksOf, idleFor } from './idle.ts';
import { writeForeign } from './foreign-time.ts';

const WRITES_A_SECOND = 10;
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
    let writing = true;
    let written = 0;
    const writer = (async () => {
      for (; writing; written++) {
        // Another MeshService each time, so that nobody takes it for a contest.
        await Promise.all([
          writeForeign(rig, 'service-defaults', name(written % meshServices)),
          delay(1000 / WRITES_A_SECOND),
        ]);
      }
    })();
    const busy = await idleFor(operator, idleMs);
    const [inTime, until] = [(await putRight()) - before, written];
    writing = false;
    await writer;
    const restMs = await timed(() =>
      eventually('each foreign write is put right', REST_MS, async () => (await putRight()) - before >= written),
    );
    found({
      parameters: `${WRITES_A_SECOND} foreign writes a second, ${at}`,
      unit: '% of a core',
      samples: [busy.percent],
      note: `${inTime} of ${until} put right within the measure, all ${written} ${(restMs / 1000).toFixed(1)} s after the last`,
    });
    found({ parameters: `resident, ${at}`, unit: 'MB', samples: [...idle.residentMb, ...busy.residentMb] });
  },
};
