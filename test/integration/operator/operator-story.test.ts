import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { meshServices, pods } from '../../../clients/kube/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, startOperatorRig } from '../../support/rigs/operator-rig.ts';
import {
  NAME_LEFT_BEHIND,
  type Happening,
  type Stage,
  happening,
  happens,
  leaveBehind,
  mustBeRight,
} from '../../support/rigs/stories/operator-story.ts';

/** The stories of test/contract/operator/operator-story.test.ts, few and short, on a real API server and a real Consul. */
/** How many stories; `npm run test:stories` tells 200. */
const RUNS = Number(process.env['STORY_RUNS'] ?? 2);
/** The same seed tells the same stories. */
const SEED = Number(process.env['STORY_SEED'] ?? randomInt(2 ** 31));
/** The number of the first story; a failure names it. */
const FIRST = Number(process.env['STORY_FIRST'] ?? 0);
/** One story, with the minute that the operator has to put all right. */
const STORY_MS = 85_000;

describe('the operator in any story, on real parts', function () {
  this.timeout(RUNS * STORY_MS);
  let rig: OperatorRig;

  before(async () => {
    rig = await startOperatorRig();
  });
  after(() => rig?.stop());

  const stage = (): Stage => ({
    kube: rig.kube.client,
    consul: rig.consul,
    consulAway: () => rig.server.kill(),
    consulFrozen: async () => rig.server.pause(),
    consulBack: () => rig.server.comeBack(),
    async consulEmpty() {
      await rig.server.kill();
      await rig.server.comeBackEmpty();
      await rig.bootstrapConsul();
    },
    kubeRestart: () => rig.kube.restart(),
    async operatorRestart() {
      rig.operators.at(-1)?.kill('SIGKILL');
      // It has to wait for the lease of the one that was killed, and the story goes on meanwhile.
      await rig.start({}, 'serves');
    },
  });

  async function nothingIsThere(): Promise<void> {
    for (const resource of [meshServices, pods]) {
      const { items } = await rig.kube.client.list<KubeObject>(resource, { namespace: 'shop' });
      for (const { metadata } of items) await rig.kube.client.delete(resource, metadata.name, 'shop');
      await eventually(`no ${resource.plural} are left`, 30_000, async () => {
        const { items: left } = await rig.kube.client.list<KubeObject>(resource, { namespace: 'shop' });
        return left.length === 0;
      });
    }
  }

  const allIsRight = () => eventually('all is right', 60_000, async () => (await mustBeRight(stage()), true));

  it('gives a name up that an operator wrote under which died before it said so', async () => {
    await rig.settle();
    await nothingIsThere();
    for (const one of NAME_LEFT_BEHIND) await happens(stage(), one);
    await allIsRight();
  });

  it('removes what bears the mark of another name, or of a MeshService that is gone, when it starts', async () => {
    await rig.settle();
    await nothingIsThere();
    await happens(stage(), { do: 'declare', name: 'b', service: 's3', protocol: 'http' });
    await allIsRight();
    await leaveBehind(stage(), 'b', 's2');
    await leaveBehind(stage(), 'a', 's1');
    await happens(stage(), { do: 'operatorRestart' });
    await allIsRight();
  });

  it('is right after it, as soon as what failed is back', async () => {
    const story = fc.array(happening, { minLength: 8, maxLength: 12 });
    const wrong: string[] = [];
    let number = FIRST;
    await fc.assert(
      fc.asyncProperty(story, async (happenings) => {
        await rig.settle();
        await nothingIsThere();
        try {
          for (const one of happenings) await happens(stage(), one);
          await rig.server.comeBack();
          await allIsRight();
        } catch (error) {
          wrong.push(await tell(number, happenings, error as Error));
          // The entries that this story left must not spoil the next one.
          await rig.server.comeBack();
          await stage().consulEmpty();
        }
        number++;
      }),
      { numRuns: RUNS, seed: SEED, path: `${FIRST}`, endOnFailure: true },
    );
    console.log(`    ${number - FIRST} stories told, seed ${SEED}`);
    expect(wrong).to.deep.equal([]);
  });

  /** A sentence about a story that did not end well, with the way to tell it again. */
  async function tell(number: number, happenings: Happening[], { message }: Error): Promise<string> {
    const log = join(tmpdir(), `landbridge-story-${SEED}-${number}.log`);
    await writeFile(log, rig.operators.map((operator) => operator.log()).join('\n'));
    const again = `STORY_SEED=${SEED} STORY_FIRST=${number} STORY_RUNS=1`;
    const said = `${again}: ${JSON.stringify(happenings)}: ${message}; the operator's log: ${log}`;
    console.log(`    ${said}`);
    return said;
  }
});
