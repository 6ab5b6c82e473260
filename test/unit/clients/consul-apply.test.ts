import { expect } from 'chai';
import { apply } from '../../../clients/consul/apply.ts';
import { ConsulUnavailable } from '../../../clients/consul/errors.ts';
import type { Transport } from '../../../clients/consul/transport.ts';
import type { Change } from '../../../mesh/plan.ts';
import { appOf, checkOf, nodeOf, nodeWith, sidecarOf } from '../../contract/consul-builders.ts';
import { fakeConsul } from '../../support/fake-consul.ts';

/** Answers `count` requests, then no server does. */
function lostAfter(transport: Transport, count: number): Transport {
  return {
    ...transport,
    async send(request) {
      if (count-- <= 0) throw new ConsulUnavailable('gone');
      return transport.send(request);
    },
  };
}

const caught = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.fail('it did not fail') as never,
    (error: unknown) => error as Error,
  );

describe('applying changes to Consul', () => {
  const { changes: proxies } = nodeWith('n1', ...Array.from({ length: 40 }, (_, i) => sidecarOf(`a${i}`, 'a')));
  const { changes: registers, entry } = nodeWith('n1', ...Array.from({ length: 40 }, (_, i) => appOf(`a${i}`, 'a')));

  it('throws when Consul was lost before anything was done, and after one try, not one a change', async () => {
    const fake = fakeConsul();
    fake.available = false;
    expect(await caught(fake.consul.apply(registers))).to.be.instanceOf(ConsulUnavailable);
    // Those under way when the first failed may be there too, but none is started after.
    expect(fake.requests).to.have.length.at.most(16);
  });

  it('tells which changes are done and which are not when Consul is lost on the way', async () => {
    const fake = fakeConsul();
    const outcomes = await apply(lostAfter(fake.transport(), 20), proxies);
    expect(outcomes.map((outcome) => outcome.change)).to.deep.equal(proxies);
    expect(outcomes.filter((outcome) => outcome.ok)).to.have.length(20);
    expect(outcomes.filter((outcome) => !outcome.ok).every((outcome) => outcome.error === 'gone')).to.equal(true);
    const held = await fake.consul.readNode('n1');
    const done = outcomes.flatMap((o) =>
      o.ok && o.change.op === 'register' ? [o.change.registration.service.ID] : [],
    );
    expect(Object.keys(held!.registrations).sort()).to.deep.equal(done.sort());
  });

  it('writes removals, then config entries, then nodes, then flips, then registrations', async () => {
    const fake = fakeConsul();
    await fake.consul.apply([...registers, ...nodeWith('n2', appOf('b0', 'b')).changes]);
    fake.requests.length = 0;
    const inAnyOrder: Change[] = [
      { op: 'set-check', node: 'n2', check: checkOf('b0', 'critical') },
      { op: 'register', node: nodeOf('n2'), registration: sidecarOf('b1', 'b') },
      { op: 'set-config', entry: { Kind: 'service-splitter', Name: 'b', Meta: {}, Splits: [] }, modifyIndex: 0 },
      { op: 'set-config', entry: { Kind: 'service-defaults', Name: 'b', Meta: {}, Protocol: 'http' }, modifyIndex: 0 },
      { op: 'set-node', node: nodeOf('n2') },
      { op: 'delete-config', kind: 'service-defaults', name: 'gone', modifyIndex: 1 },
      { op: 'delete-node', node: 'n1' },
    ];
    const outcomes = await fake.consul.apply(inAnyOrder);
    expect(fake.requests).to.deep.equal([
      'PUT /txn',
      'DELETE /config/service-defaults/gone',
      'PUT /config',
      'PUT /config',
      'PUT /txn',
      'PUT /txn',
      'PUT /catalog/register',
    ]);
    expect(outcomes.map((outcome) => outcome.change)).to.deep.equal(inAnyOrder);
    expect(outcomes.map((outcome) => outcome.ok)).to.deep.equal([true, true, true, true, true, false, true]);
  });

  it('writes what is plain in one transaction but the first, which makes the node, and proxies by a request each', async () => {
    const fake = fakeConsul();
    expect((await fake.consul.apply([...registers, ...proxies])).every((outcome) => outcome.ok)).to.equal(true);
    expect(fake.requests.filter((request) => request === 'PUT /txn')).to.have.length(1);
    expect(fake.requests.filter((request) => request === 'PUT /catalog/register')).to.have.length(41);
    expect((await fake.consul.readNode('n1'))!.registrations['a0']).to.deep.equal(entry.registrations['a0']);
  });

  it('registers sixteen proxies at a time, never more', async () => {
    const { transport } = fakeConsul();
    let running = 0;
    let most = 0;
    const watched: Transport = {
      ...transport(),
      async send(request) {
        most = Math.max(most, ++running);
        try {
          return await transport().send(request);
        } finally {
          running--;
        }
      },
    };
    // One transport for all, so that all write into one fake.
    expect((await apply(watched, proxies)).every((outcome) => outcome.ok)).to.equal(true);
    expect(most).to.equal(16);
  });

  it('finds every bad change of a batch, those that permissions stop and those that the catalog stops', async () => {
    const fake = fakeConsul({ acl: true });
    const management = '11111111-1111-1111-1111-111111111111';
    await fake.connect('').acl.bootstrap(management);
    const boss = fake.connect(management);
    await boss.apply(registers);
    const rules = 'node_prefix "n1" { policy = "write" } service_prefix "" { policy = "write" }';
    await boss.acl.upsertPolicy({ name: 'some', description: '', rules });
    const secretId = '22222222-2222-2222-2222-222222222222';
    await boss.acl.upsertToken({ accessorId: secretId, secretId, description: '', policies: ['some'] });

    const outcomes = await fake.connect(secretId).apply([
      { op: 'delete-node', node: 'foreign' },
      { op: 'delete-service', node: 'n1', id: 'a0', service: 'a' },
      { op: 'set-check', node: 'n1', check: checkOf('never-there') },
      { op: 'set-check', node: 'n1', check: checkOf('a1', 'critical') },
    ]);
    expect(outcomes.map((outcome) => outcome.ok)).to.deep.equal([false, true, false, true]);
    const node = (await boss.readNode('n1'))!;
    expect(Object.keys(node.registrations)).to.have.length(Object.keys(entry.registrations).length - 1);
    expect(node.registrations['a1']?.checks[0]?.Status).to.equal('critical');
  });

  it('does nothing for no changes', async () => {
    const fake = fakeConsul();
    expect(await fake.consul.apply([])).to.deep.equal([]);
    expect(fake.requests).to.deep.equal([]);
  });
});
