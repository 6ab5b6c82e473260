import { expect } from 'chai';
import type { Consul } from '../../../clients/consul/consul.ts';
import { ConsulRefused } from '../../../clients/consul/errors.ts';
import type { ConsulUnderTest } from './consul-under-test.ts';

export function kvContract(given: () => ConsulUnderTest): void {
  let consul: Consul;
  before(() => void (consul = given().connect()));

  it('keeps text under a key with slashes, spaces and umlauts', async () => {
    expect(await consul.kvGet('kv/none')).to.equal(undefined);
    expect(await consul.kvCas('kv/a b/ü?#%', 'grüße\n', 0)).to.equal(true);
    const held = await consul.kvGet('kv/a b/ü?#%');
    expect(held).to.include({ key: 'kv/a b/ü?#%', value: 'grüße\n', session: undefined });
    expect(await consul.kvCas('kv/a b/ü?#%', '', held!.modifyIndex)).to.equal(true);
    expect((await consul.kvGet('kv/a b/ü?#%'))?.value).to.equal('');
  });

  it('lists the keys of a prefix in order', async () => {
    for (const key of ['kv/list/b', 'kv/list/a', 'kv/listing']) await consul.kvCas(key, key, 0);
    expect((await consul.kvList('kv/list/')).map((entry) => entry.key)).to.deep.equal(['kv/list/a', 'kv/list/b']);
    expect(await consul.kvList('kv/empty/')).to.deep.equal([]);
  });

  it('lets exactly one of 50 win who write at once', async () => {
    const created = await Promise.all(Array.from({ length: 50 }, (_, i) => consul.kvCas('kv/race', String(i), 0)));
    expect(created.filter((won) => won)).to.have.length(1);
    const held = (await consul.kvGet('kv/race'))!;
    expect(held.value).to.equal(String(created.indexOf(true)));
    const spent = await Promise.all(Array.from({ length: 50 }, () => consul.kvDelete('kv/race', held.modifyIndex)));
    expect(spent.filter((won) => won)).to.have.length(1);
    expect(await consul.kvGet('kv/race')).to.equal(undefined);
    expect(await consul.kvDelete('kv/race', held.modifyIndex)).to.equal(false);
  });

  it('deletes only what has not changed, when asked so', async () => {
    await consul.kvCas('kv/del', 'one', 0);
    const stale = (await consul.kvGet('kv/del'))!.modifyIndex;
    await consul.kvCas('kv/del', 'two', stale);
    expect(await consul.kvDelete('kv/del', stale)).to.equal(false);
    expect((await consul.kvGet('kv/del'))?.value).to.equal('two');
    expect(await consul.kvDelete('kv/del')).to.equal(true);
    expect(await consul.kvGet('kv/del')).to.equal(undefined);
  });

  it('gives a lock to one session until it releases it or ends', async () => {
    const [one, two] = await Promise.all([consul.createSession('one', 10), consul.createSession('two', 10)]);
    expect(await consul.kvAcquire('kv/lock', 'one', one)).to.equal(true);
    expect(await consul.kvAcquire('kv/lock', 'two', two)).to.equal(false);
    expect(await consul.kvRelease('kv/lock', two)).to.equal(false);
    expect(await consul.kvGet('kv/lock')).to.include({ value: 'one', session: one });
    expect(await consul.kvRelease('kv/lock', one)).to.equal(true);
    expect(await consul.kvGet('kv/lock')).to.include({ value: 'one', session: undefined });
    expect(await consul.kvAcquire('kv/lock', 'two', two)).to.equal(true);
    expect(await consul.renewSession(two)).to.equal(true);
    await consul.destroySession(two);
    expect(await consul.renewSession(two)).to.equal(false);
    expect(await consul.kvAcquire('kv/lock', 'one', one)).to.equal(true);
    const late = await consul.kvAcquire('kv/other', 'x', two).catch((error: unknown) => error);
    expect(late).to.be.instanceOf(ConsulRefused);
  });
}
