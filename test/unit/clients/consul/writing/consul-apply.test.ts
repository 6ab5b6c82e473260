import { expect } from 'chai';
import { apply } from '../../../../../clients/consul/writing/apply.ts';
import { ConsulUnavailable } from '../../../../../clients/consul/errors.ts';
import type { Transport } from '../../../../../clients/consul/transport.ts';
import type { ConfigEntry } from '../../../../../mesh/catalog/entry.ts';
import type { Change } from '../../../../../mesh/catalog/plan.ts';
import { appOf, checkOf, nodeOf, nodeWith, sidecarOf } from '../../../../contract/consul/consul-builders.ts';
import { fakeConsul } from '../../../../support/fake-consul/fake-consul.ts';

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

  const defaults: ConfigEntry = { Kind: 'service-defaults', Name: 'b', Meta: {}, Protocol: 'http' };
  const splitter: ConfigEntry = { Kind: 'service-splitter', Name: 'b', Meta: {}, Splits: [] };
  const odd: ConfigEntry = { Kind: 'service-defaults', Name: 'odd', Meta: {}, Protocol: 'carrier-pigeon' };

  it('writes removals, then config entries as the plan has them, then nodes, then flips, then registrations', async () => {
    const fake = fakeConsul();
    await fake.consul.apply([
      ...registers,
      ...nodeWith('n2', appOf('b0', 'b')).changes,
      { op: 'set-config', entry: { ...defaults, Name: 'gone' }, modifyIndex: 0 },
    ]);
    const { modifyIndex } = (await fake.consul.readConfig('service-defaults', 'gone'))!;
    fake.requests.length = 0;
    const inAnyOrder: Change[] = [
      { op: 'set-check', node: 'n2', check: checkOf('b0', 'critical') },
      { op: 'register', node: nodeOf('n2'), registration: sidecarOf('b1', 'b') },
      { op: 'delete-config', kind: 'service-defaults', name: 'gone', modifyIndex },
      { op: 'set-config', entry: defaults, modifyIndex: 0 },
      { op: 'set-config', entry: splitter, modifyIndex: 0 },
      { op: 'set-node', node: nodeOf('n2') },
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
    expect(outcomes.filter((outcome) => !outcome.ok)).to.deep.equal([]);
  });

  it('puts config entries back when a later one is refused, all but a claim, and says so of each', async () => {
    const fake = fakeConsul();
    const tcp = { ...defaults, Name: 'old', Protocol: 'tcp' };
    await fake.consul.apply([{ op: 'set-config', entry: tcp, modifyIndex: 0 }]);
    const held = (await fake.consul.readConfig('service-defaults', 'old'))!;
    const outcomes = await fake.consul.apply([
      { op: 'set-config', entry: defaults, modifyIndex: 0 },
      { op: 'set-config', entry: { ...tcp, Protocol: 'http' }, modifyIndex: held.modifyIndex, before: tcp },
      { op: 'set-config', entry: splitter, modifyIndex: 0 },
      { op: 'set-config', entry: { ...odd, Name: 'old', Kind: 'service-intentions' }, modifyIndex: 0 },
      { op: 'set-config', entry: { ...splitter, Name: 'never' }, modifyIndex: 0 },
      ...registers.slice(0, 1),
    ]);
    const why = /At least one source is required/;
    const errors = outcomes.map((outcome) => (outcome.ok ? undefined : outcome.error));
    expect(errors[0], 'the claim').to.equal(undefined);
    expect(errors[1])
      .to.match(/^put back: /)
      .and.match(why);
    expect(errors[2])
      .to.match(/^put back: /)
      .and.match(why);
    expect(errors[3]).to.match(why);
    expect(errors[4])
      .to.match(/^not attempted: /)
      .and.match(why);
    expect(errors[5], 'instances go on').to.equal(undefined);
    expect((await fake.consul.readConfig('service-defaults', 'old'))?.entry).to.deep.equal(tcp);
    expect(await fake.consul.readConfig('service-splitter', 'b')).to.equal(undefined);
  });

  it('registers nothing under a name whose claim was refused, and much under one whose protocol may not change', async () => {
    const fake = fakeConsul();
    const [unclaimed] = (
      await fake.consul.apply([{ op: 'set-config', entry: odd, modifyIndex: 0 }, ...registers])
    ).slice(1);
    expect(unclaimed).to.deep.include({ ok: false, error: 'not attempted: the name was not claimed' });
    await fake.consul.apply([{ op: 'set-config', entry: defaults, modifyIndex: 0 }]);
    const { modifyIndex } = (await fake.consul.readConfig('service-defaults', 'b'))!;
    const refused: Change = { op: 'set-config', entry: { ...odd, Name: 'b' }, modifyIndex, before: defaults };
    const outcomes = await fake.consul.apply([refused, ...registers]);
    expect(outcomes.map((outcome) => outcome.ok)).to.deep.equal([false, ...registers.map(() => true)]);
  });

  const plainSidecar = (id: string, service: string) => {
    const whole = sidecarOf(id, service);
    const { Config: _config, Upstreams: _upstreams, AccessLogs: _logs, ...Proxy } = whole.service.Proxy!;
    return { ...whole, service: { ...whole.service, Proxy } };
  };
  const requestsOf = (fake: ReturnType<typeof fakeConsul>) => ({
    txns: fake.requests.filter((request) => request === 'PUT /txn').length,
    registers: fake.requests.filter((request) => request === 'PUT /catalog/register').length,
  });

  it('writes apps and sidecars in one transaction, and by a request each the proxies of which one would drop something', async () => {
    const fake = fakeConsul();
    await fake.consul.apply([{ op: 'set-node', node: nodeOf('n1') }]);
    fake.requests.length = 0;
    const pairs = ['p1', 'p2'].flatMap((id) => [appOf(id, 'p'), plainSidecar(id, 'p')]);
    const plain = nodeWith('n1', ...pairs);
    const outcomes = await fake.consul.apply([...plain.changes, ...registers.slice(0, 20), ...proxies]);
    expect(outcomes.every((outcome) => outcome.ok)).to.equal(true);
    expect(requestsOf(fake)).to.deep.equal({ txns: 1, registers: proxies.length });
    const { registrations } = (await fake.consul.readNode('n1'))!;
    expect(registrations['a0']).to.deep.equal(entry.registrations['a0']);
    for (const id of Object.keys(plain.entry.registrations)) {
      expect(registrations[id]).to.deep.equal(plain.entry.registrations[id]);
    }
    expect(registrations['a0-sidecar']).to.deep.equal(sidecarOf('a0', 'a'));
  });

  it('makes a node that is gone again by the first registration on it', async () => {
    const fake = fakeConsul();
    const other = nodeWith('n2', appOf('b0', 'b')).changes;
    const outcomes = await fake.consul.apply([...registers, ...other]);
    expect(outcomes.map((outcome) => outcome.ok)).to.deep.equal(outcomes.map(() => true));
    expect(requestsOf(fake)).to.deep.equal({ txns: 2, registers: 2 });
    expect(await fake.consul.readNode('n1')).to.deep.equal(entry);
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

  it('finds every bad change of a batch, stopped by permissions or by the catalog', async () => {
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
