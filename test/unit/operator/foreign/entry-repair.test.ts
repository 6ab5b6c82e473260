import { expect } from 'chai';
import { type ConfigEntry, OWNER_META } from '../../../../mesh/catalog/entry.ts';
import { podsNode } from '../../../../mesh/names/names.ts';
import { rememberingCatalog } from '../../../../operator/catalog/catalog.ts';
import { repairEntries } from '../../../../operator/foreign/entry-repair.ts';
import { fakeConsul } from '../../../support/fake-consul/fake-consul.ts';
import { fakeClock } from '../../bridge/fake-clock.ts';
import { handWatch } from '../entry-scene.ts';

const NOTHING = { node: undefined, config: {} };
const nodeOf = (key: string): string => podsNode('lab', ...(key.split('/') as [string, string]));
const defaults = (Name: string, Protocol: string): ConfigEntry => ({
  Kind: 'service-defaults',
  Name,
  Protocol,
  Meta: { [OWNER_META]: `k8s/lab/shop/${Name}` },
});
const splitter = (Name: string): ConfigEntry => ({
  Kind: 'service-splitter',
  Name,
  Meta: {},
  Splits: [{ Weight: 100 }],
});

/** Two MeshServices, written and remembered; a walk reads, and writes what the test gives it. */
async function scene() {
  const fake = fakeConsul();
  const catalog = rememberingCatalog(fake.consul);
  const clock = fakeClock();
  const stop = new AbortController();
  const { entries, tell } = handWatch(fake);
  const walks: string[] = [];
  const pauses = new Map<string, number>();
  let surveys = 0;
  const place = (key: string) => ({ node: nodeOf(key), services: [key.split('/')[1]!] });
  const { walked } = repairEntries({
    entries,
    keys: () => ['shop/web', 'shop/api'],
    nodeOf,
    catalog,
    pauseMs: (_key, entry) => pauses.get(entry) ?? 0,
    walk: (key) => walks.push(key),
    survey: () => void surveys++,
    clock,
    signal: stop.signal,
  });
  const read = (key: string) => catalog.read(place(key), NOTHING);
  async function set(key: string, entry: ConfigEntry) {
    const { config } = await read(key);
    const modifyIndex = config[`${entry.Kind}/${entry.Name}`]?.modifyIndex ?? 0;
    return catalog.apply(place(key), [{ op: 'set-config', entry, modifyIndex }]);
  }
  async function byHand(entry: ConfigEntry): Promise<void> {
    const held = await fake.consul.readConfig(entry.Kind, entry.Name);
    await fake.consul.apply([{ op: 'set-config', entry, modifyIndex: held?.modifyIndex ?? 0 }]);
  }
  for (const key of ['shop/web', 'shop/api']) await set(key, defaults(key.split('/')[1]!, 'http'));
  await tell();
  return { fake, catalog, clock, stop, tell, walks, walked, pauses, surveys: () => surveys, read, set, byHand, place };
}

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

describe('the memory of what Consul holds', () => {
  it('knows after a write of config entries what Consul holds, and asks for these entries alone', async () => {
    const { fake, set, read } = await scene();
    fake.requests.length = 0;
    await set('shop/web', defaults('web', 'grpc'));
    expect(fake.requests).to.deep.equal(['PUT /config', 'GET /config/service-defaults/web']);
    const { config } = await read('shop/web');
    const held = await fake.consul.readConfig('service-defaults', 'web');
    expect(config['service-defaults/web']).to.deep.equal(held);
    expect(fake.requests).to.have.length(3);
  });

  it('tells which entries somebody else has changed, made and removed since it was right', async () => {
    const { catalog, set, byHand, fake, read } = await scene();
    await set('shop/web', splitter('web'));
    await byHand(defaults('web', 'http2'));
    const { modifyIndex } = (await fake.consul.readConfig('service-splitter', 'web'))!;
    await fake.consul.apply([{ op: 'delete-config', kind: 'service-splitter', name: 'web', modifyIndex }]);
    await byHand({ Kind: 'service-resolver', Name: 'web', Meta: {} });
    catalog.doubt(nodeOf('shop/web'));
    expect((await read('shop/web')).foreign).to.have.members([
      'service-defaults/web',
      'service-splitter/web',
      'service-resolver/web',
    ]);
    expect((await read('shop/web')).foreign, 'of the walk after it').to.equal(undefined);
  });

  it('tells them again to the next walk when this one could not write', async () => {
    const { catalog, byHand, read, place } = await scene();
    await byHand(defaults('web', 'http2'));
    catalog.doubt(nodeOf('shop/web'));
    await read('shop/web');
    const [outcome] = await catalog.apply(place('shop/web'), [
      { op: 'set-config', entry: defaults('web', 'http'), modifyIndex: 1 },
    ]);
    expect(outcome).to.include({ ok: false });
    expect((await read('shop/web')).foreign).to.deep.equal(['service-defaults/web']);
  });

  it("calls an entry that was written again as it was nobody's change", async () => {
    const { catalog, byHand, read } = await scene();
    await byHand(defaults('web', 'tcp'));
    await byHand(defaults('web', 'http'));
    catalog.doubt(nodeOf('shop/web'));
    expect((await read('shop/web')).foreign).to.equal(undefined);
  });

  it('calls nothing foreign when Consul has lost its data', async () => {
    const { catalog, fake, read } = await scene();
    fake.lose();
    catalog.doubt(nodeOf('shop/web'));
    catalog.doubtAll();
    expect((await read('shop/web')).foreign).to.equal(undefined);
  });
});
