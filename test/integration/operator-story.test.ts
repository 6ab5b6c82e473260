import fc from 'fast-check';
import type { KubeObject } from '../../clients/kube/object.ts';
import { meshServices, pods } from '../../clients/kube/resources.ts';
import { eventually } from '../support/eventually.ts';
import { type OperatorRig, startOperatorRig } from '../support/operator-rig.ts';
import {
  NAME_LEFT_BEHIND,
  type Stage,
  happening,
  happens,
  leaveBehind,
  mustBeRight,
} from '../support/operator-story.ts';

/** The stories of test/contract/operator-story.test.ts, few and short, on a real API server and a real Consul. */
/** How many stories; `npm run test:stories` tells 200. */
const RUNS = Number(process.env['STORY_RUNS'] ?? 2);
/** Of one story, with the minute that the operator has to put all right. */
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
    await fc.assert(
      fc.asyncProperty(story, async (happenings) => {
        await rig.settle();
        await nothingIsThere();
        for (const one of happenings) await happens(stage(), one);
        await rig.server.comeBack();
        await allIsRight();
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });
});
