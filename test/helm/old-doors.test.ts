import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { load as parse } from 'js-yaml';
import { bundlePath } from '../../build/build.ts';
import { valuesFile } from '../../lab/paths.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { renewDisk } from '../../lab/sample/install.ts';
import { type Calls, type DoorStory, WAYS, startDoorStory } from '../support/rigs/stories/door-story.ts';
import { eventually } from '../support/eventually.ts';
import { type Helm, helmWithChart } from '../support/rigs/helm.ts';
import { type PreviousVersion, previousVersion } from '../support/rigs/previous-version.ts';

const RELEASE = 'landbridge';

/** A release of the version before `defaultMutualTLS`, with callers in the mesh and past it. It takes the installation away. */
describe('a Helm release whose values did not know defaultMutualTLS', function () {
  this.timeout(300_000);
  let lab: RunningLab;
  let helm: Helm;
  let previous: PreviousVersion;
  let story: DoorStory | undefined;
  const values = (more: object = {}): object => ({
    ...(parse(readFileSync(valuesFile, 'utf8')) as object),
    crds: { keep: false },
    ...more,
  });
  const run = async (command: string, chart: string, input: object): Promise<void> => {
    const to = ['--kubeconfig', lab.cluster.kubeconfig, '--timeout', '3m', '--wait', '--wait-for-jobs'];
    await helm.run(command, RELEASE, chart, '-f', await helm.valuesFile(input), ...to);
  };

  before(async () => {
    lab = await runningLab();
    helm = await helmWithChart();
    previous = await previousVersion(lab.engine);
    await lab.landbridge(['uninstall', '--yes'], { timeoutMs: 180_000 });
    await renewDisk(lab.engine, lab.cluster);
    await run('install', previous.chart, previous.values(values()));
    story = await startDoorStory(lab, previous.bundle);
  });
  after(async () => {
    await story?.remove();
    await helm?.run('uninstall', RELEASE, '--kubeconfig', lab.cluster.kubeconfig, '--wait').catch(() => undefined);
    await Promise.all([helm?.remove(), previous?.remove()]);
  });

  const lost = (what: string, calls: Record<string, Calls>, ways = Object.keys(calls)): string[] => {
    for (const [way, { count, failures }] of Object.entries(calls)) {
      console.log(`    ${what}, ${way}: ${count} calls, ${failures.length} failed`);
      expect(count, way).to.be.greaterThan(100);
    }
    return ways.flatMap((way) => calls[way]!.failures.slice(0, 5).map((failure) => `${way}: ${failure}`));
  };

  it('upgrades without a closed door and without a failed call, and says that it is Permissive', async () => {
    const calls = await story!.during(() => run('upgrade', helm.directory, values()));
    expect(lost('upgrade', calls)).to.deep.equal([]);
    expect(await story!.policies()).to.equal('');
    const told = await eventually('the condition of the pod says it', 30_000, () =>
      story!.condition('door-pod', 'Enforced'),
    );
    expect(told.reason).to.equal('Permissive');
    expect(told.message).to.contain('the installation says defaultMutualTLS Permissive');
    expect(await lab.landbridge(['check'])).to.contain('upgraded from a version without the value defaultMutualTLS');
  });

  it('keeps the door of a machine open whose agent is upgraded', async () => {
    const calls = await story!.during(() => story!.upgradeMachine(bundlePath));
    // Its only instance drains meanwhile, so calls in the mesh have nowhere to go.
    expect(lost('agent', calls, ['plain to the machine', 'plain to the pod'])).to.deep.equal([]);
    for (const way of WAYS) await story!.settled(way, true);
  });

  it('closes the doors once the values say Strict, and fails no call in the mesh', async () => {
    const strict = async (): Promise<void> => {
      await run('upgrade', helm.directory, values({ defaultMutualTLS: 'Strict' }));
      for (const way of ['plain to the pod', 'plain to the machine'] as const) await story!.settled(way, false);
    };
    const calls = await story!.during(strict);
    expect(lost('Strict', calls, ['machine to pod', 'pod to machine'])).to.deep.equal([]);
    expect(await story!.policies()).to.contain('door-pod');
  });
});
