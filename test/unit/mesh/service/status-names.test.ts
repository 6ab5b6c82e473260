import { expect } from 'chai';
import { type Intent, desiredState } from '../../../../mesh/service/desired.ts';
import { type Seen, statusOf } from '../../../../mesh/status/status.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';

const SEEN = {
  ...{ podsWithoutSidecar: [], namespaceEnabled: true, external: { ready: 0, total: 0 } },
  ...{ consulDown: undefined, tokenProblem: undefined },
};

const statusFor = (intent: Intent, seen: Partial<Seen> = {}) =>
  statusOf(intent, desiredState(intent), { changes: [], conflicts: [] }, [], { ...SEEN, ...seen }, 'now');

function conditionsOf(intent: Partial<Intent>): Record<string, string> {
  const meshService = aMeshService('web', {
    workloads: { pods: { selector: { matchLabels: { app: 'wbe' } } }, external: { sites: ['rack-1'] } },
  });
  const whole: Intent = {
    ...{ cluster: 'c', namespace: 'shop', name: 'web', meshService, pods: [], formerServices: [] },
    ...intent,
  };
  const status = statusFor(whole);
  return Object.fromEntries(status.conditions!.map(({ type, status: is, message }) => [type, `${is}: ${message}`]));
}

describe('the status of a MeshService', () => {
  it('names the selector and the sites when nothing matches', () => {
    expect(conditionsOf({})['Ready']).to.equal(
      'False: No instance exists: no pod of namespace shop has app=wbe, and no machine of rack-1 has joined.',
    );
  });

  it('has a condition for a name that nobody answers to, only while that is so, and it blocks nothing', () => {
    const problems = [
      { weight: 'warn' as const, reason: 'NameUnmet' as const, message: 'no MeshService has the name x' },
    ];
    const pods = [aPodFacts('p', { labels: { app: 'wbe' } })];
    const unmet = conditionsOf({ problems, pods });
    expect(unmet['NamesMet']).to.equal('False: no MeshService has the name x');
    expect(unmet['Synced']).to.match(/^True/);
    expect(unmet['Ready']).to.match(/^True/);
    expect(conditionsOf({ pods })).not.to.have.property('NamesMet');
  });

  it('says in the same condition that the other side does not let its calls in', () => {
    const problem = (reason: 'NameUnmet' | 'CallRefused', message: string) => ({
      ...{ weight: 'warn' as const, reason, message },
    });
    const refused = problem('CallRefused', 'calls of web to till will be refused');
    const unmet = problem('NameUnmet', 'no MeshService has the name x');
    const pods = [aPodFacts('p', { labels: { app: 'wbe' } })];
    expect(conditionsOf({ problems: [refused], pods })['NamesMet']).to.equal(`False: ${refused.message}`);
    expect(conditionsOf({ problems: [refused, unmet], pods })['NamesMet']).to.equal(
      `False: ${unmet.message}; ${refused.message}`,
    );
    expect(conditionsOf({ problems: [refused], pods })['Ready']).to.match(/^True/);
  });

  describe('of pods alone', () => {
    const job = (port: number | undefined, finished: boolean): Intent => ({
      ...{ cluster: 'c', namespace: 'shop', name: 'web', formerServices: [] },
      meshService: aMeshService('web', {
        port,
        workloads: { pods: { selector: { matchLabels: { app: 'migrate' } } } },
      }),
      pods: finished ? [aPodFacts('p', { labels: { app: 'migrate' }, ready: false, finished: true })] : [],
    });
    const ready = (intent: Intent, seen?: Partial<Seen>) =>
      statusFor(intent, seen).conditions?.find(({ type }) => type === 'Ready');

    it('is ready without an instance when it has no port, since nobody calls it', () => {
      for (const finished of [true, false])
        expect(ready(job(undefined, finished))).to.include({ status: 'True', reason: 'NoInstances' });
      expect(ready(job(undefined, true))?.message).to.equal(
        'No instance exists: each pod of namespace shop with app=migrate has finished (1). It has no spec.port, so nobody calls it and it is ready without one.',
      );
    });

    it('is not ready when it has no port, no pod, and nothing that makes one', () => {
      const found = ready(job(undefined, false), { nobodyMakesPods: true });
      expect(found).to.include({ status: 'False', reason: 'NoInstances' });
      expect(found?.message).to.equal(
        'No instance exists: no pod of namespace shop has app=migrate. No Deployment, StatefulSet, DaemonSet, CronJob or unfinished Job there makes one either: compare spec.workloads.pods.selector with the labels of its pod template.',
      );
      expect(ready(job(undefined, true), { nobodyMakesPods: true })).to.include({ status: 'True' });
    });

    it('does not count pods that its selector matches no longer', () => {
      const intent = job(8080, false);
      const pods = [aPodFacts('p', { labels: { app: 'migrate' } }), aPodFacts('q', { labels: { app: 'web' } })];
      expect(statusFor({ ...intent, pods }).pods).to.equal('1/1');
      expect(ready({ ...intent, pods: pods.slice(1) })).to.include({ status: 'False', reason: 'NoInstances' });
    });

    it('is not ready when the pods of its port have finished', () => {
      expect(ready(job(8080, true))).to.include({ status: 'False', reason: 'NoInstances' });
    });

    it('has the cause as the reason of Ready when each pod lacks a sidecar', () => {
      const podsWithoutSidecar = [{ name: 'db-0', workload: 'statefulset/db' }];
      const found = ready(job(8080, false), { podsWithoutSidecar });
      expect(found).to.include({ status: 'False', reason: 'PodsWithoutSidecar' });
      expect(found?.message).to.contain('rollout restart statefulset/db');
      expect(ready(job(8080, false), { podsWithoutSidecar, namespaceEnabled: false })?.reason).to.equal(
        'NamespaceNotEnabled',
      );
    });
  });

  describe('of machines, without spec.port', () => {
    /** The port of a machine's instance comes with `vm join`. */
    const onMachines = (pods?: Intent['pods']): Intent => ({
      ...{ cluster: 'c', namespace: 'shop', name: 'web', formerServices: [], pods: pods ?? [] },
      meshService: aMeshService('web', {
        port: undefined,
        workloads: {
          external: { sites: ['rack-1'] },
          ...(pods === undefined ? {} : { pods: { selector: { matchLabels: { app: 'migrate' } } } }),
        },
      }),
    });
    const ready = (intent: Intent, seen?: Partial<Seen>) =>
      statusFor(intent, seen).conditions?.find(({ type }) => type === 'Ready');

    it('is not ready until a machine has joined, since that one may bring a port', () => {
      const found = ready(onMachines());
      expect(found).to.include({ status: 'False', reason: 'NoInstances' });
      expect(found?.message).to.equal('No instance exists: no machine of rack-1 has joined.');
    });

    it('is not ready either where its pods have finished', () => {
      const found = ready(onMachines([aPodFacts('p', { labels: { app: 'migrate' }, ready: false, finished: true })]));
      expect(found).to.include({ status: 'False', reason: 'NoInstances' });
      expect(found?.message).not.to.contain('nobody calls it');
    });

    it('is ready with a machine that has joined without a port, and only calls others', () => {
      expect(ready(onMachines(), { external: { ready: 1, total: 1 } })).to.include({
        status: 'True',
        reason: 'AllInstancesReady',
      });
    });
  });
});
