import { expect } from 'chai';
import { rereadHosts } from '../../../bridge/reread.ts';
import { type BridgeUnderTest, SITE, anInstance, bridgeUnderTest } from './bridge-under-test.ts';

const MINUTE_MS = 60_000;
const keyOf = (host: string): string => `landbridge/hosts/${SITE}/${host}`;

/** A restored backup takes records away, and brings older ones back. */
describe('a bridge whose Consul was restored from a backup', function () {
  this.timeout(60_000);
  let bridge: BridgeUnderTest;
  beforeEach(async () => {
    bridge = await bridgeUnderTest('the fake');
    bridge.admit('web');
  });
  afterEach(() => bridge.stop());

  const joined = async (host: string) => {
    const vm = await bridge.join(host, 'web');
    const beat = () => vm.beat([anInstance('web', host)]);
    await beat();
    return { ...vm, beat };
  };
  const held = async (host: string) => (await bridge.reader.kvGet(keyOf(host)))?.value;
  const reread = () => rereadHosts(bridge.running.bridge);
  const known = (host: string) => bridge.running.bridge.hosts.get({ site: SITE, host })!;

  it('writes the record of a machine again that joined after the backup and goes on beating', async () => {
    const vm = await joined('vm1');
    const record = await held('vm1');
    await bridge.reader.kvDelete(keyOf('vm1'));
    await reread();
    expect((await vm.beat()).status).to.equal(200);
    await bridge.clock.advance(1000);
    expect((await vm.beat()).status).to.equal(200);
    await reread();
    expect(await held('vm1')).to.equal(record);
    expect((await vm.beat()).status).to.equal(200);
    await bridge.restart();
    const again = bridge.client({ certificate: vm.answer.certificate, key: vm.key });
    const body = { address: '127.0.0.1', instances: [anInstance('web', 'vm1')], wantTokens: [] };
    expect((await again.post('/v1/beat', body)).status, 'the next bridge knows it too').to.equal(200);
  });

  it('lets a machine go whose record is gone and that beats no more', async () => {
    const vm = await joined('vm1');
    await bridge.reader.kvDelete(keyOf('vm1'));
    await reread();
    await bridge.clock.advance(MINUTE_MS);
    await reread();
    expect(await held('vm1')).to.equal(undefined);
    expect(await vm.beat()).to.nested.include({ status: 403, 'body.code': 'hostUnknown' });
  });

  it('writes a revocation again that an older record lacks', async () => {
    await joined('vm1');
    const before = (await held('vm1'))!;
    const { hosts } = bridge.running.bridge;
    await hosts.change(known('vm1'), (record) => ({ ...record, revokedAt: '2026-11-30T12:00:00Z' }));
    const { modifyIndex } = (await bridge.reader.kvGet(keyOf('vm1')))!;
    await bridge.reader.kvCas(keyOf('vm1'), before, modifyIndex);
    // The index of the older record is older as well.
    known('vm1').held!.modifyIndex += 1000;
    await reread();
    expect(JSON.parse((await held('vm1'))!)).to.have.property('revokedAt', '2026-11-30T12:00:00Z');
    const now = (await bridge.reader.kvGet(keyOf('vm1')))!.modifyIndex;
    expect(known('vm1').held?.modifyIndex, 'the next change is written').to.equal(now);
  });
});
