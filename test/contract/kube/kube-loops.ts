import { expect } from 'chai';
import { elect } from '../../../clients/kube/leading/elect.ts';
import { recordEvents } from '../../../clients/kube/events/events.ts';
import type { LeaseSpec } from '../../../clients/kube/leading/lease-decision.ts';
import { openLease } from '../../../clients/kube/leading/lease.ts';
import { systemClock } from '../../../base/clock.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { reflect, type Reflector } from '../../../clients/kube/watching/reflect.ts';
import { configMaps, events, leases } from '../../../clients/kube/resources.ts';
import { configMap, type Scene } from './kube-scene.ts';
import { until } from './kube-watch.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export function loopContract(scene: Scene): void {
  let stop: AbortController;
  const running: Promise<unknown>[] = [];

  beforeEach(() => (stop = new AbortController()));
  afterEach(async () => {
    stop.abort();
    await Promise.allSettled(running.splice(0));
  });

  describe('reflector', () => {
    function mirror(changes: string[], pageLimit?: number): Reflector<Record<string, string>, 'colour'> {
      const reflector = reflect<Record<string, string>, KubeObject, 'colour'>(scene.kube, configMaps, {
        namespace: scene.namespace,
        trim: (object) => (object['data'] as Record<string, string> | undefined) ?? {},
        onChange: (key, next, previous) => {
          const verb = next ? (previous ? 'changed' : 'added') : 'gone';
          changes.push(`${key.split('/')[1]} ${verb} ${(next ?? previous)?.['colour'] ?? ''}`);
        },
        indexes: { colour: (data) => (data['colour'] ? [data['colour']] : []) },
        signal: stop.signal,
        log: silent,
        pageLimit,
      });
      running.push(reflector.stopped);
      return reflector;
    }

    it('sees what was there and every creation, change and deletion since, in order', async () => {
      const { kube, namespace } = scene;
      for (const name of ['a', 'b', 'c']) await kube.create(configMaps, configMap(name, namespace, { colour: 'red' }));
      const changes: string[] = [];
      const reflector = mirror(changes, 2);
      await reflector.synced();
      expect(changes).to.deep.equal(['a added red', 'b added red', 'c added red']);
      expect(reflector.by('colour', 'red')).to.have.length(3);
      await kube.create(configMaps, configMap('d', namespace, { colour: 'red' }));
      await kube.patchMerge(configMaps, 'd', namespace, { data: { colour: 'blue' } });
      await kube.delete(configMaps, 'd', namespace);
      await kube.delete(configMaps, 'a', namespace);
      await until('all is seen', () => changes.length === 7);
      expect(changes.slice(3)).to.deep.equal(['d added red', 'd changed blue', 'd gone blue', 'a gone red']);
      expect(reflector.by('colour', 'red')).to.have.length(2);
    });

    it('finds after a restart of the server what was changed, and tells every deletion once', async () => {
      const { kube, namespace, target } = scene;
      const names = Array.from({ length: 20 }, (_, turn) => `m-${turn}`);
      for (const name of names) await kube.create(configMaps, configMap(name, namespace, { colour: 'red' }));
      const changes: string[] = [];
      const reflector = mirror(changes, 7);
      await reflector.synced();
      const doomed = names.slice(0, 10);
      const deletions = doomed.slice(0, 5).map((name) => kube.delete(configMaps, name, namespace));
      await Promise.all(deletions);
      const down = target.goDown();
      await down;
      expect(reflector.size).to.be.within(15, 20);
      await target.comeBack();
      for (const name of doomed.slice(5)) await kube.delete(configMaps, name, namespace);
      await kube.create(configMaps, configMap('new', namespace, { colour: 'blue' }));
      await until('the mirror has caught up', () => reflector.get(`${namespace}/new`) && reflector.size === 11, 20_000);
      const gone = changes.filter((change) => change.includes(' gone '));
      expect(gone.map((change) => change.split(' ')[0]).sort()).to.deep.equal([...doomed].sort());
      const { items } = await kube.list(configMaps, { namespace });
      expect(reflector.keys().sort()).to.deep.equal(items.map((item) => `${namespace}/${item.metadata.name}`).sort());
    });
  });

  describe('lease', () => {
    it('is led by exactly one of two candidates, and handed over when that one leaves', async () => {
      const { kube, namespace } = scene;
      const leading: string[] = [];
      const history: string[] = [];
      const stops = new Map<string, AbortController>();
      for (const identity of ['a', 'b']) {
        const one = new AbortController();
        stops.set(identity, one);
        stop.signal.addEventListener('abort', () => one.abort());
        const election = elect({
          client: kube,
          namespace,
          name: 'operator',
          identity,
          leaseDurationMs: 4000,
          renewDeadlineMs: 3000,
          retryMs: 100,
          onStartedLeading: () => {
            leading.push(identity);
            history.push(identity);
            expect(leading).to.have.length(1);
          },
          onStoppedLeading: () => void leading.splice(leading.indexOf(identity), 1),
          signal: one.signal,
          log: silent,
        });
        running.push(election);
      }
      const first = await until('one leads', () => leading[0]);
      const version = (await kube.get(leases, 'operator', namespace))!.metadata.resourceVersion;
      await until(
        'it has renewed',
        async () => (await kube.get(leases, 'operator', namespace))!.metadata.resourceVersion !== version,
      );
      expect(history).to.deep.equal([first]);
      stops.get(first)!.abort();
      const second = await until('the other leads', () => history[1]);
      expect(second).to.not.equal(first);
      const spec = (await kube.get(leases, 'operator', namespace))!['spec'] as LeaseSpec;
      expect(spec).to.include({ holderIdentity: second, leaseTransitions: 1 });
    });

    it('goes to exactly one of ten who try at the same moment', async () => {
      const { kube, namespace } = scene;
      const settings = { client: kube, namespace, name: 'race', durationMs: 15_000, clock: systemClock };
      const handles = Array.from({ length: 10 }, (_, turn) =>
        openLease({ ...settings, identity: `candidate-${turn}` }),
      );
      const attempts = await Promise.all(handles.map((handle) => handle.attempt(5000)));
      expect(attempts.filter((attempt) => attempt.held)).to.have.length(1);
    });
  });

  describe('events', () => {
    const recorder = () =>
      recordEvents({
        client: scene.kube,
        reportingController: 'landbridge.dev/test',
        reportingInstance: 'test-0',
        signal: new AbortController().signal,
        log: silent,
      });
    const regarding = () => ({ apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace: scene.namespace });

    it('says the same thing once and counts it, and another thing apart', async () => {
      const said = recorder();
      const fact = {
        regarding: regarding(),
        type: 'Warning',
        reason: 'Conflict',
        action: 'Sync',
        note: 'owned by another',
      } as const;
      for (let turn = 0; turn < 3; turn++) said.record(fact);
      said.record({ ...fact, note: 'é'.repeat(2000) });
      await said.flush();
      const { items } = await scene.kube.list(events, { namespace: scene.namespace });
      const first = items.find((item) => item['note'] === fact.note)!;
      expect(items).to.have.length(2);
      expect(first['series']).to.deep.include({ count: 3 });
      expect(first).to.deep.include({
        reason: 'Conflict',
        type: 'Warning',
        action: 'Sync',
        reportingController: 'landbridge.dev/test',
      });
      expect((first['regarding'] as { name: string }).name).to.equal('a');
    });

    it('begins again when the first was deleted, and never fails the recorder', async () => {
      const said = recorder();
      const fact = {
        regarding: regarding(),
        type: 'Normal',
        reason: 'Synced',
        action: 'Sync',
        note: 'all well',
      } as const;
      said.record(fact);
      await said.flush();
      const [first] = (await scene.kube.list(events, { namespace: scene.namespace })).items;
      await scene.kube.delete(events, first!.metadata.name, scene.namespace);
      said.record(fact);
      said.record({ ...fact, regarding: { ...regarding(), namespace: 'nowhere' } });
      await said.flush();
      expect((await scene.kube.list(events, { namespace: scene.namespace })).items).to.have.length(1);
    });

    it('puts what is said about an object without a namespace into default', async () => {
      const said = recorder();
      const node = { apiVersion: 'v1', kind: 'Node', name: `node-of-${scene.namespace}` };
      said.record({ regarding: node, type: 'Normal', reason: 'Seen', action: 'See', note: 'a node' });
      await said.flush();
      const { items } = await scene.kube.list(events, { namespace: 'default' });
      expect(items.filter((item) => (item['regarding'] as { name: string }).name === node.name)).to.have.length(1);
    });
  });
}
