import { expect } from 'chai';
import { OWNER_META, type ConfigEntry } from '../../../../mesh/catalog/entry.ts';
import { proxyDefaults } from '../../../../mesh/catalog/proxy-defaults.ts';
import { foreignBook } from '../../../../operator/foreign/foreign-book.ts';
import { keepMeshWide } from '../../../../operator/foreign/mesh-wide.ts';
import { fakeConsul } from '../../../support/fake-consul/fake-consul.ts';
import { fakeClock } from '../../bridge/fake-clock.ts';
import { handWatch } from '../entry-scene.ts';

const OURS = proxyDefaults('k8s/lab');

async function scene(first: ConfigEntry | undefined) {
  const fake = fakeConsul();
  const clock = fakeClock();
  const stop = new AbortController();
  const { entries, tell } = handWatch(fake, ['proxy-defaults']);
  const counted: string[] = [];
  let warned = 0;
  const log = { debug: () => undefined, info: () => undefined, error: () => undefined, warn: () => void warned++ };
  keepMeshWide({
    entries,
    consul: fake.consul,
    cluster: 'lab',
    book: foreignBook(clock),
    onPutRight: (kind) => counted.push(kind),
    clock,
    signal: stop.signal,
    log,
  });
  const held = async () => (await fake.consul.readConfig('proxy-defaults', 'global'))?.entry;
  async function byHand(entry: ConfigEntry | undefined): Promise<void> {
    const now = await fake.consul.readConfig('proxy-defaults', 'global');
    const modifyIndex = now?.modifyIndex ?? 0;
    if (entry !== undefined) await fake.consul.apply([{ op: 'set-config', entry, modifyIndex }]);
    else if (now)
      await fake.consul.apply([{ op: 'delete-config', kind: 'proxy-defaults', name: 'global', modifyIndex }]);
  }
  async function told(): Promise<void> {
    await tell();
    await clock.advance(0);
  }
  await byHand(first);
  await told();
  return { fake, clock, stop, counted, warned: () => warned, held, byHand, told };
}

describe('the settings of the whole mesh', () => {
  const wrong: [string, ConfigEntry | undefined][] = [
    ['another content', { ...OURS, Config: { local_idle_timeout_ms: 1 } }],
    ['a script that keeps the mark', { ...OURS, EnvoyExtensions: [{ Name: 'builtin/lua' }] }],
    ['no mark', { ...OURS, Meta: {} }],
    ['another mark', { ...OURS, Meta: { [OWNER_META]: 'k8s/other' } }],
    ['nothing at all', undefined],
  ];
  for (const [what, entry] of wrong) {
    it(`are put right where they were ours and somebody left ${what}`, async () => {
      const { byHand, told, held, counted, stop } = await scene(OURS);
      await byHand(entry);
      await told();
      expect(await held()).to.deep.equal(OURS);
      expect(counted).to.deep.equal(['proxy-defaults']);
      stop.abort();
    });
  }

  for (const first of [{ ...OURS, Meta: {} }, undefined]) {
    it(`are left alone where ${first ? "somebody else's were there first" : 'there were none'}`, async () => {
      const { byHand, told, held, counted, stop } = await scene(first);
      const theirs = { ...OURS, Meta: {}, Config: { other: 1 } };
      await byHand(theirs);
      await told();
      expect(await held()).to.deep.equal(theirs);
      expect(counted).to.deep.equal([]);
      stop.abort();
    });
  }

  it("of an earlier version of ours become those of this one, which is nobody's change", async () => {
    const { held, counted, stop } = await scene({ ...OURS, Config: {} });
    expect(await held()).to.deep.equal(OURS);
    expect(counted).to.deep.equal([]);
    stop.abort();
  });

  it('are put right every five seconds at most while somebody writes them again and again, and it is logged once', async () => {
    const { byHand, told, counted, warned, clock, stop } = await scene(OURS);
    for (let turn = 0; turn < 600; turn++) {
      await byHand({ ...OURS, Config: { turn } });
      await told();
      await clock.advance(100);
    }
    // At once five times, after 1, 2 and 4 s, and then every 5 s of the minute.
    expect(counted.length).to.be.within(15, 20);
    expect(warned()).to.equal(6);
    stop.abort();
  });
});
