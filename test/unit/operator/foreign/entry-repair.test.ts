import { expect } from 'chai';
import type { KindAnswer } from '../../../../clients/consul/reading/watch.ts';
import { meshServiceOfNode } from '../../../../mesh/names/names.ts';
import { memoryBook } from '../../../../operator/catalog/memory-book.ts';
import { repairEntries } from '../../../../operator/foreign/entry-repair.ts';
import { fakeClock } from '../../bridge/fake-clock.ts';
import { NOTHING, defaults, nodeOf, scene, splitter } from './repair-scene.ts';

describe('the repair of config entries', () => {
  it('asks for one walk, of the MeshService whose name was written', async () => {
    const { byHand, tell, walks } = await scene();
    await byHand(splitter('web'));
    await byHand(splitter('somebody-elses'));
    await tell();
    await tell();
    expect(walks).to.deep.equal(['shop/web']);
  });

  it('reads nothing itself, however many names changed', async () => {
    const { fake, byHand, tell } = await scene();
    await byHand(splitter('web'));
    fake.requests.length = 0;
    await tell();
    expect(fake.requests.filter((request) => !/^GET \/config\/[a-z-]+$/.test(request))).to.deep.equal([]);
  });

  for (const size of [20, 1000])
    it(`looks at one memory and its five kinds for one changed name among ${size} MeshServices`, () => {
      const book = memoryBook();
      for (let i = 0; i < size; i++) book.set(nodeOf(`shop/s-${i}`), { services: [`s-${i}`], actual: NOTHING });
      const looks = { memories: 0, indexes: 0 };
      const memories = { get: (node: string) => (looks.memories++, book.all.get(node)) };
      const seen = { index: 9, entries: { get: (name: string) => (looks.indexes++, name === 's-7' ? 9 : undefined) } };
      let tell: (answer: KindAnswer) => void = () => undefined;
      const walks: string[] = [];
      repairEntries({
        entries: { follow: (take) => (tell = take), seen: () => seen },
        nodeOf,
        keyOf: (node) => meshServiceOfNode('lab', node),
        catalog: {
          memories: () => memories as unknown as typeof book.all,
          about: book.about,
          doubt: () => undefined,
          doubtAll: () => undefined,
        },
        pauseMs: () => 0,
        walk: (key) => walks.push(key),
        survey: () => undefined,
        clock: fakeClock(),
        signal: new AbortController().signal,
      });
      tell({ kind: 'service-router', changed: ['s-7', 'of-nobody'], restored: false, ...seen });
      expect(walks).to.deep.equal(['shop/s-7']);
      expect(looks.memories).to.equal(1);
      // For each kind one read compares, and one gives the index.
      expect(looks.indexes).to.equal(10);
    });

  it('asks for no walk after a write of our own, whether Consul tells of it before or after the walk ends', async () => {
    const { set, tell, walks, walked } = await scene();
    await set('shop/web', defaults('web', 'tcp'));
    await tell();
    walked('shop/web');
    await set('shop/web', defaults('web', 'http'));
    walked('shop/web');
    await tell();
    expect(walks).to.deep.equal([]);
  });

  it('asks for no walk after a removal of our own', async () => {
    const { catalog, place, read, set, tell, walks, walked } = await scene();
    await set('shop/web', splitter('web'));
    await tell();
    const { modifyIndex } = (await read('shop/web')).config['service-splitter/web']!;
    await catalog.apply(place('shop/web'), [
      { op: 'delete-config', kind: 'service-splitter', name: 'web', modifyIndex },
    ]);
    walked('shop/web');
    await tell();
    expect(walks).to.deep.equal([]);
  });

  it('finds a change that came while the walk was under way once the walk has ended', async () => {
    const { catalog, byHand, read, tell, walks, walked } = await scene();
    catalog.doubt(nodeOf('shop/web'));
    await read('shop/web');
    const { entry } = (await read('shop/web')).config['service-defaults/web']!;
    // Between the reading of the walk and its end; Consul tells of it while nothing is remembered.
    const memory = catalog.memories().get(nodeOf('shop/web'))!;
    (catalog.memories() as Map<string, unknown>).delete(nodeOf('shop/web'));
    await byHand({ ...entry, Protocol: 'grpc' });
    await tell();
    expect(walks).to.deep.equal([]);
    (catalog.memories() as Map<string, unknown>).set(nodeOf('shop/web'), memory);
    walked('shop/web');
    expect(walks).to.deep.equal(['shop/web']);
  });

  it('asks once for each answer of Consul, so that a walk that cannot mend it is not walked in a circle', async () => {
    const { byHand, read, tell, walks, walked, catalog } = await scene();
    await byHand(splitter('web'));
    await tell();
    const stale = catalog.memories();
    for (let turn = 0; turn < 5; turn++) {
      await read('shop/web');
      const memory = stale.get(nodeOf('shop/web'))!;
      const { 'service-splitter/web': _gone, ...config } = memory.actual.config;
      (stale as Map<string, unknown>).set(nodeOf('shop/web'), { ...memory, actual: { ...memory.actual, config } });
      walked('shop/web');
    }
    expect(walks).to.deep.equal(['shop/web']);
  });

  it('waits where somebody writes again and again, and puts another entry of the same name right at once', async () => {
    const { byHand, tell, walks, walked, read, pauses, clock, stop } = await scene();
    pauses.set('service-splitter/web', 4000);
    await byHand(splitter('web'));
    await tell();
    await clock.advance(3000);
    expect(walks).to.deep.equal([]);
    pauses.set('service-splitter/web', 1000);
    await byHand({ Kind: 'service-intentions', Name: 'web', Meta: {}, Sources: [{ Name: '*', Action: 'allow' }] });
    await tell();
    expect(walks).to.deep.equal(['shop/web']);
    await read('shop/web');
    walked('shop/web');
    pauses.clear();
    await clock.advance(5000);
    expect(walks, 'the walk has read both').to.deep.equal(['shop/web']);
    stop.abort();
  });

  it('walks when the pause of a contest is over', async () => {
    const { byHand, tell, walks, pauses, clock, stop } = await scene();
    pauses.set('service-splitter/web', 4000);
    await byHand(splitter('web'));
    await tell();
    pauses.clear();
    await clock.advance(4000);
    expect(walks).to.deep.equal(['shop/web']);
    stop.abort();
  });

  it('has all compared once when Consul holds an earlier state, and calls nothing of it foreign', async () => {
    const { fake, byHand, tell, walks, surveys, read, clock, stop } = await scene();
    await byHand(splitter('web'));
    await tell({ restored: true });
    await clock.advance(1000);
    expect([walks, surveys()]).to.deep.equal([[], 1]);
    expect((await read('shop/web')).foreign).to.equal(undefined);
    expect(fake.requests.length).to.be.greaterThan(0);
    stop.abort();
  });
});
