import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { dump, load as parse } from 'js-yaml';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { valuesFile } from '../../lab/paths.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { failuresOf, underLoad } from '../support/load/load.ts';

/** A click makes twelve calls, so this is more than 100 requests a second. */
const CLICKS_PER_SECOND = 10;

describe('landbridge upgrade, under more than 100 requests a second', () => {
  let lab: RunningLab;
  before(async () => (lab = await runningLab()));

  const podsNow = async (): Promise<string[]> => {
    const parts = ['-l', 'app.kubernetes.io/component in (consul,operator,bridge)'];
    const uids = ['-o', 'jsonpath={.items[*].metadata.uid}'];
    return (await lab.cluster.kubectl(['get', 'pods', '-n', NAMESPACE, ...parts, ...uids])).split(' ');
  };
  const replaces = async (values: object): Promise<void> => {
    const old = new Set(await podsNow());
    const shots = await underLoad(
      lab.edge,
      async () => {
        await lab.landbridge(['upgrade', '-f', '-'], { input: dump(values), timeoutMs: 180_000 });
      },
      { perSecond: CLICKS_PER_SECOND, afterMs: 8000 },
    );
    const failed = failuresOf(shots);
    console.log(`    ${shots.length} clicks, ${failed.length} failed`);
    expect(failed.length, [...failed.slice(0, 10), '...', ...failed.slice(-3)].join('\n')).to.equal(0);
    expect(shots.length).to.be.greaterThan(100);
    const kept = (await podsNow()).filter((uid) => old.has(uid));
    expect(kept, 'pods of Consul, the operator and the bridge that were not replaced').to.deep.equal([]);
  };

  it('loses no click when Consul, the operator and the bridge all change', () =>
    replaces({ ...(parse(readFileSync(valuesFile, 'utf8')) as object), logLevel: 'warn' }));

  it('loses none when that is rolled back, and then has nothing left to do', async () => {
    const before = parse(readFileSync(valuesFile, 'utf8')) as object;
    await replaces(before);
    const plan = await lab.landbridge(['upgrade', '--plan', '-f', '-'], { input: dump(before) });
    // Below it stands only the note about images that keep their names.
    expect(plan.split('\n')[0]).to.match(/^\d+ as they are:$/);
  });
});
