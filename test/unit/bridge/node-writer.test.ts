import { expect } from 'chai';
import pino from 'pino';
import { type NodeWriter, createNodeWriter } from '../../../bridge/node-writer.ts';
import type { Health } from '../../../mesh/catalog/entry.ts';
import { type NodeEntry, OWNER_META } from '../../../mesh/catalog/entry.ts';
import { type FakeConsul, fakeConsul } from '../../support/fake-consul/fake-consul.ts';
import { type FakeClock, fakeClock } from './fake-clock.ts';

const OWNER = 'bridge/rack-1/vm1';
const NAME = 'vm.rack-1.vm1';

function aNode(health: Health, name = NAME): NodeEntry {
  const checks = [{ CheckID: 'web/health', Name: 'health', Status: health, Output: health, ServiceID: 'web' }];
  const service = { ID: 'web', Service: 'web', Address: '10.0.0.1', Port: 80, Tags: [], Meta: {} };
  return {
    Node: name,
    Address: '10.0.0.1',
    Meta: { [OWNER_META]: OWNER },
    registrations: { web: { service, checks } },
  };
}

describe('the node writer', () => {
  let fake: FakeConsul;
  let clock: FakeClock;
  let writer: NodeWriter;
  let stop: AbortController;
  let mayMend: boolean;

  beforeEach(() => {
    fake = fakeConsul();
    clock = fakeClock();
    stop = new AbortController();
    mayMend = true;
    writer = createNodeWriter({
      consul: fake.consul,
      clock,
      log: pino({ level: 'silent' }),
      random: () => 0.5,
      onWrite: () => undefined,
      mayMend: async () => mayMend,
    });
    void writer.run(stop.signal);
  });
  afterEach(() => stop.abort());

  const inConsul = async (name = NAME) => (await fake.consul.readNode(name))?.registrations['web']?.checks[0]?.Status;

  it('asks Consul once, and never again for the same', async () => {
    expect(await writer.want(NAME, OWNER, aNode('passing'))).to.deep.equal([]);
    const before = fake.requests.length;
    for (let times = 0; times < 5; times += 1) await writer.want(NAME, OWNER, aNode('passing'));
    expect(fake.requests).to.have.length(before);
  });

  it('writes the last of many wishes that come while it writes, and skips those between', async () => {
    await writer.want(NAME, OWNER, aNode('passing'));
    fake.requests.length = 0;
    const wishes: Health[] = ['critical', 'passing', 'critical', 'passing', 'critical', 'passing', 'critical'];
    await Promise.all(wishes.map((health) => writer.want(NAME, OWNER, aNode(health))));
    expect(await inConsul()).to.equal('critical');
    expect(fake.requests.filter((request) => request === 'PUT /txn')).to.have.length.at.most(2);
  });

  it('answers at once while Consul is known to be lost, and writes within 5 s after it is back', async () => {
    await writer.want(NAME, OWNER, aNode('passing'));
    fake.available = false;
    const [problem] = await writer.want(NAME, OWNER, aNode('critical'));
    expect(problem).to.include('as soon as Consul is back');
    await clock.advance(60_000);
    fake.requests.length = 0;
    await writer.want(NAME, OWNER, aNode('critical'));
    expect(fake.requests).to.deep.equal([]);
    fake.available = true;
    await clock.advance(5000);
    expect(await inConsul()).to.equal('critical');
    expect(await writer.want(NAME, OWNER, aNode('critical'))).to.deep.equal([]);
  });

  it('tries at most as often as its back-off allows while Consul is lost', async () => {
    fake.available = false;
    for (let host = 0; host < 20; host += 1)
      await writer.want(`vm.rack-1.h${host}`, OWNER, aNode('passing', `vm.rack-1.h${host}`));
    fake.requests.length = 0;
    await clock.advance(60_000);
    // 0.75 of 250 ms, 500 ms, ... 5 s; each try is one node's, of two requests.
    expect(fake.requests.length / 2).to.be.within(12, 24);
  });

  it('verifies everything after an outage, also what nobody wished to change meanwhile', async () => {
    await writer.want(NAME, OWNER, aNode('passing'));
    await writer.want('vm.rack-1.vm2', OWNER, aNode('passing', 'vm.rack-1.vm2'));
    fake.available = false;
    await writer.want(NAME, OWNER, aNode('critical'));
    fake.available = true;
    // As when Consul comes back from a snapshot.
    await fake.connect().apply([{ op: 'delete-node', node: 'vm.rack-1.vm2' }]);
    await clock.advance(5000);
    expect(await inConsul('vm.rack-1.vm2')).to.equal('passing');
  });

  it('mends within its jittered 30 s what another changed', async () => {
    await writer.want(NAME, OWNER, aNode('passing'));
    await fake.connect().apply([{ op: 'delete-node', node: NAME }]);
    await clock.advance(36_000);
    expect(await inConsul()).to.equal('passing');
  });

  it('mends nothing when it may not', async () => {
    await writer.want(NAME, OWNER, aNode('passing'));
    mayMend = false;
    await fake.connect().apply([{ op: 'delete-node', node: NAME }]);
    await clock.advance(120_000);
    expect(await inConsul()).to.equal(undefined);
  });

  it('keeps away from a node of another owner, says whose it is, and writes it when that one has let go', async () => {
    const theirs = { Node: NAME, Address: '10.9.9.9', Meta: { [OWNER_META]: 'k8s/lab/shop/web' } };
    await fake.consul.apply([{ op: 'set-node', node: theirs }]);
    const [problem] = await writer.want(NAME, OWNER, aNode('passing'));
    expect(problem).to.include('belongs to another owner (k8s/lab/shop/web)');
    await clock.advance(120_000);
    expect(await fake.consul.readNode(NAME)).to.deep.equal({ ...theirs, registrations: {} });
    await fake.consul.apply([{ op: 'delete-node', node: NAME }]);
    await clock.advance(40_000);
    expect(await inConsul()).to.equal('passing');
  });

  it('reads again what it holds after a write that Consul refused in part, and then writes what is missing', async () => {
    await writer.want(NAME, OWNER, aNode('passing'));
    const { apply } = fake.consul;
    fake.consul.apply = async (changes) => {
      fake.consul.apply = apply;
      // As when the service went away under the check: the cache is wrong now.
      await apply([{ op: 'delete-service', node: NAME, id: 'web', service: 'web' }]);
      return changes.map((change) => ({ change, ok: false, error: 'no such service' }));
    };
    expect(await writer.want(NAME, OWNER, aNode('critical'))).to.deep.equal(['no such service']);
    await clock.advance(5000);
    expect(await inConsul()).to.equal('critical');
  });

  it('takes over what it adopts without a request', async () => {
    await fake.consul.apply([
      { op: 'register', node: aNode('passing'), registration: aNode('passing').registrations['web']! },
    ]);
    writer.adopt(NAME, OWNER, await fake.consul.readNode(NAME));
    fake.requests.length = 0;
    expect(await writer.want(NAME, OWNER, aNode('passing'))).to.deep.equal([]);
    expect(fake.requests).to.deep.equal([]);
  });

  it('does not wait longer than its limit', async () => {
    const slow = createNodeWriter({
      consul: { readNode: () => new Promise(() => undefined), apply: () => new Promise(() => undefined) },
      clock,
      log: pino({ level: 'silent' }),
      random: () => 0.5,
      onWrite: () => undefined,
      mayMend: async () => true,
    });
    const written = slow.want(NAME, OWNER, aNode('passing'), 750);
    await clock.advance(750);
    expect((await written)[0]).to.include('as soon as Consul is back');
  });
});
