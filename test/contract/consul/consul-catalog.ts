import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import type { Consul } from '../../../clients/consul/consul.ts';
import type { Change } from '../../../mesh/catalog/plan.ts';
import { appOf, checkOf, errorsOf, nodeOf, nodeWith, sidecarOf } from './consul-builders.ts';
import type { ConsulUnderTest } from './consul-under-test.ts';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Raft writes that `task` makes. Consul has a few of its own now and then, so the smallest of three counts. */
async function raftWrites(consul: Consul, task: (turn: number) => Promise<unknown>): Promise<number> {
  const counts: number[] = [];
  for (const turn of range(3)) {
    const before = (await consul.agentSelf()).appliedIndex;
    await task(turn);
    counts.push((await consul.agentSelf()).appliedIndex - before);
  }
  return Math.min(...counts);
}

export function catalogContract(given: () => ConsulUnderTest): void {
  let consul: Consul;
  before(() => void (consul = given().connect()));

  it('reads back what it registered, an app and its sidecar with upstreams, field for field', async () => {
    const { entry, changes } = nodeWith('k8s.t.shop.sub', appOf('sub-1', 'sub'), sidecarOf('sub-1', 'sub'));
    expect(errorsOf(await consul.apply(changes))).to.deep.equal([undefined, undefined]);
    expect(await consul.readNode('k8s.t.shop.sub')).to.deep.equal(entry);
  });

  it('registers instances whose sidecars call nobody by one request and one raft write, field for field', async () => {
    const whole = sidecarOf('leaf-0', 'leaf');
    const { Config: _config, Upstreams: _upstreams, AccessLogs: _logs, ...plain } = whole.service.Proxy!;
    const leafOf = (id: string, address: string) => {
      const [app, sidecar] = [appOf(id, 'leaf'), sidecarOf(id, 'leaf')];
      const Proxy = { ...plain, DestinationServiceID: id };
      return [app, { ...sidecar, service: { ...sidecar.service, Address: address, Proxy } }];
    };
    await consul.apply([{ op: 'set-node', node: nodeOf('k8s.t.shop.leaf') }]);
    const held = range(10).flatMap((i) => leafOf(`leaf-${i}`, '10.1.2.3'));
    const writes = await raftWrites(consul, async (turn) => {
      // One without an address, as a pod has none before the kubelet tells it.
      const more = leafOf(`more-${turn}`, '');
      held.push(...more);
      given().requests.length = 0;
      expect(errorsOf(await consul.apply(nodeWith('k8s.t.shop.leaf', ...held).changes))).to.deep.equal(
        held.map(() => undefined),
      );
      expect(given().requests).to.deep.equal(['PUT /txn']);
    });
    expect(writes).to.equal(1);
    expect(await consul.readNode('k8s.t.shop.leaf')).to.deep.equal(nodeWith('k8s.t.shop.leaf', ...held).entry);
    expect(await consul.health('leaf', { connect: true })).to.have.length(13);
  });

  it('makes a node for exactly one of all who try, and says so to the others', async () => {
    const node = (by: string) => ({ Node: 'k8s.t.claim', Address: '127.0.0.1', Meta: { by } });
    const tries = await Promise.all(
      ['a', 'b', 'c'].map(async (by) => ((await consul.createNode(node(by))) ? [by] : [])),
    );
    expect(tries.flat()).to.have.length(1);
    expect((await consul.readNode('k8s.t.claim'))?.Meta).to.deep.equal({ by: tries.flat()[0] });
    expect(await consul.createNode(node('d'))).to.equal(false);
  });

  it('reads back an instance without port, tags or meta, and a gateway', async () => {
    const bare = appOf('bare-1', 'bare');
    Object.assign(bare.service, { Port: 0, Tags: [], Meta: {} });
    bare.checks = [];
    const gateway = appOf('gateway-1', 'gateway');
    gateway.service.Kind = 'terminating-gateway';
    const { entry, changes } = nodeWith('k8s.t.shop.bare', bare, gateway);
    expect(errorsOf(await consul.apply(changes))).to.deep.equal([undefined, undefined]);
    expect(await consul.readNode('k8s.t.shop.bare')).to.deep.equal(entry);
  });

  it('reads a node in at most two requests, and gives undefined for a missing node', async () => {
    given().requests.length = 0;
    expect(await consul.readNode('k8s.t.nobody')).to.equal(undefined);
    expect(given().requests).to.have.length.at.most(2);
  });

  it('flips the checks of all instances in one request and one raft write', async () => {
    const apps = range(20).map((i) => appOf(`flip-${i}`, 'flip'));
    const { entry, changes } = nodeWith('k8s.t.shop.flip', ...apps);
    await consul.apply(changes);
    const flip = (status: 'passing' | 'critical'): Change[] =>
      range(20).map((i) => ({ op: 'set-check', node: entry.Node, check: checkOf(`flip-${i}`, status, status) }));
    const writes = await raftWrites(consul, async (turn) => {
      given().requests.length = 0;
      await consul.apply(flip(turn % 2 === 0 ? 'critical' : 'passing'));
      expect(given().requests).to.deep.equal(['PUT /txn']);
    });
    expect(writes).to.equal(1);
    for (const app of apps) app.checks = [checkOf(app.service.ID, 'critical', 'critical')];
    expect(await consul.readNode(entry.Node)).to.deep.equal(entry);
  });

  it('removes an instance with its checks, and nothing else of the node', async () => {
    const [one, two] = [appOf('rm-1', 'rm'), appOf('rm-2', 'rm')];
    await consul.apply(nodeWith('k8s.t.shop.rm', one, two).changes);
    const outcomes = await consul.apply([{ op: 'delete-service', node: 'k8s.t.shop.rm', id: 'rm-1', service: 'rm' }]);
    expect(errorsOf(outcomes)).to.deep.equal([undefined]);
    expect(await consul.readNode('k8s.t.shop.rm')).to.deep.equal(nodeWith('k8s.t.shop.rm', two).entry);
  });

  it('counts the removal of what is not there as done', async () => {
    const changes: Change[] = [
      { op: 'delete-service', node: 'k8s.t.shop.rm', id: 'never-there', service: 'rm' },
      { op: 'delete-service', node: 'k8s.t.nobody', id: 'never-there', service: 'rm' },
      { op: 'delete-node', node: 'k8s.t.nobody' },
    ];
    expect(errorsOf(await consul.apply(changes))).to.deep.equal([undefined, undefined, undefined]);
  });

  it('shows the checks of services by node, of all nodes of a prefix', async () => {
    const [one, two] = [appOf('seen-1', 'seen'), appOf('seen-2', 'seen')];
    await consul.apply([...nodeWith('k8s.seen.a', one).changes, ...nodeWith('k8s.seen.b', two).changes]);
    await consul.apply(nodeWith('k8s.seenelsewhere.a', appOf('seen-3', 'seen-elsewhere')).changes);
    const found = await eventually('the server has seen the writes', 5000, async () => {
      const checks = await consul.checks('k8s.seen.');
      return checks.size === 2 ? checks : undefined;
    });
    expect(Object.fromEntries(found)).to.deep.equal({ 'k8s.seen.a': one.checks, 'k8s.seen.b': two.checks });
    expect(await consul.servicesOn('k8s.seen')).to.deep.equal(['seen', 'seen-elsewhere']);
    expect(await consul.servicesOn('k8s.seen.')).to.deep.equal(['seen']);
  });

  it('marks each change of nodes, services, checks and config entries, and nothing else', async () => {
    const node = 'k8s.t.shop.marked';
    const app = appOf('marked-1', 'marked');
    const entry = { Kind: 'service-resolver', Name: 'marked', Meta: {} } as const;
    const changes: Change[] = [
      { op: 'set-node', node: nodeOf(node) },
      { op: 'register', node: nodeOf(node), registration: app },
      { op: 'register', node: nodeOf(node), registration: { ...app, service: { ...app.service, Port: 99 } } },
      { op: 'set-check', node, check: checkOf('marked-1', 'critical') },
      { op: 'delete-service', node, id: 'marked-1', service: 'marked' },
      { op: 'delete-node', node },
      { op: 'set-config', entry, modifyIndex: 0 },
    ];
    for (const change of changes) {
      const before = await consul.marks();
      expect(await consul.marks(), 'nothing was changed').to.equal(before);
      expect(errorsOf(await consul.apply([change]))).to.deep.equal([undefined]);
      await eventually(`${change.op} is marked`, 5000, async () => (await consul.marks()) !== before || undefined);
    }
    const modifyIndex = (await consul.readConfig('service-resolver', 'marked'))!.modifyIndex;
    const before = await consul.marks();
    await consul.apply([{ op: 'delete-config', kind: 'service-resolver', name: 'marked', modifyIndex }]);
    await eventually('delete-config is marked', 5000, async () => (await consul.marks()) !== before || undefined);
  });

  it('removes a node with its services and checks', async () => {
    await consul.apply(nodeWith('k8s.t.shop.whole', appOf('whole-1', 'whole'), sidecarOf('whole-1', 'whole')).changes);
    await consul.apply([{ op: 'delete-node', node: 'k8s.t.shop.whole' }]);
    expect(await consul.readNode('k8s.t.shop.whole')).to.equal(undefined);
    expect(await consul.health('whole')).to.deep.equal([]);
    await consul.apply([{ op: 'set-node', node: nodeOf('k8s.t.shop.whole') }]);
    expect((await consul.readNode('k8s.t.shop.whole'))?.registrations).to.deep.equal({});
  });

  it('changes what a node says of itself and leaves its instances alone', async () => {
    const { entry, changes } = nodeWith('k8s.t.shop.meta', appOf('meta-1', 'meta'));
    await consul.apply(changes);
    const node = { ...nodeOf('k8s.t.shop.meta', 'another'), Address: '10.9.9.9' };
    await consul.apply([{ op: 'set-node', node }]);
    expect(await consul.readNode('k8s.t.shop.meta')).to.deep.equal({ ...entry, ...node });
  });

  it('lists the nodes of a prefix, in which a dot means a dot', async () => {
    await consul.apply(
      ['k8s.t.list.b', 'k8s.t.list.a', 'k8sxt.list.c'].map((n) => ({ op: 'set-node', node: nodeOf(n) })),
    );
    const nodes = await consul.listNodes('k8s.t.list');
    expect(nodes.map((node) => node.name)).to.deep.equal(['k8s.t.list.a', 'k8s.t.list.b']);
    expect(nodes[0]).to.deep.equal({ name: 'k8s.t.list.a', address: '127.0.0.1', meta: nodeOf('').Meta });
  });

  it('tells the instances of a service, their addresses and their health', async () => {
    const well = appOf('well', 'ward');
    const ill = appOf('ill', 'ward', 'critical');
    ill.service.Address = '';
    await consul.apply(nodeWith('k8s.t.shop.ward', well, ill, sidecarOf('well', 'ward')).changes);
    const seen = (await consul.health('ward')).map(({ node, address, service, status }) => [
      node,
      address,
      service.ID,
      status,
    ]);
    expect(seen).to.deep.equal([
      ['k8s.t.shop.ward', '127.0.0.1', 'ill', 'critical'],
      ['k8s.t.shop.ward', '10.1.2.3', 'well', 'passing'],
    ]);
    const proxies = await consul.health('ward', { connect: true });
    expect(proxies.map((proxy) => proxy.service)).to.deep.equal([sidecarOf('well', 'ward').service]);
    expect(await consul.services()).to.include.members(['ward', 'ward-sidecar-proxy']);
  });

  it('writes 300 registrations, flips 300 checks in 3 transactions and removes 300 in 3', async () => {
    const apps = range(300).map((i) => appOf(`big-${i}`, 'big'));
    const { entry, changes } = nodeWith('k8s.t.shop.big', ...apps);
    expect((await consul.apply(changes)).every((outcome) => outcome.ok)).to.equal(true);

    given().requests.length = 0;
    const flips = apps.map((app): Change => ({
      op: 'set-check',
      node: entry.Node,
      check: checkOf(app.service.ID, 'critical'),
    }));
    const outcomes = await consul.apply(flips);
    expect(outcomes.map((outcome) => outcome.change)).to.deep.equal(flips);
    expect(outcomes.every((outcome) => outcome.ok)).to.equal(true);
    expect(given().requests).to.deep.equal(['PUT /txn', 'PUT /txn', 'PUT /txn']);
    expect((await consul.health('big')).filter((instance) => instance.status === 'critical')).to.have.length(300);

    given().requests.length = 0;
    await consul.apply(
      apps.map((app) => ({ op: 'delete-service', node: entry.Node, id: app.service.ID, service: 'big' })),
    );
    expect(given().requests).to.deep.equal(['PUT /txn', 'PUT /txn', 'PUT /txn']);
    expect((await consul.readNode(entry.Node))?.registrations).to.deep.equal({});
  });

  it('splits a batch whose outputs are too long for one request', async () => {
    const apps = range(128).map((i) => appOf(`long-${i}`, 'long'));
    const { entry, changes } = nodeWith('k8s.t.shop.long', ...apps);
    await consul.apply(changes);
    const flips = apps.map((app): Change => {
      return { op: 'set-check', node: entry.Node, check: checkOf(app.service.ID, 'critical', 'x'.repeat(4096)) };
    });
    expect((await consul.apply(flips)).every((outcome) => outcome.ok)).to.equal(true);
    expect((await consul.readNode(entry.Node))?.registrations['long-127']?.checks[0]?.Output).to.have.length(4096);
  });

  it('names the one bad change of a batch and writes the others', async () => {
    const { entry, changes } = nodeWith('k8s.t.shop.odd', appOf('odd-1', 'odd'), appOf('odd-2', 'odd'));
    await consul.apply(changes);
    const outcomes = await consul.apply([
      { op: 'set-check', node: entry.Node, check: checkOf('odd-1', 'critical') },
      { op: 'set-check', node: entry.Node, check: checkOf('never-there', 'critical') },
      { op: 'set-check', node: entry.Node, check: checkOf('odd-2', 'critical') },
    ]);
    expect(outcomes.map((outcome) => outcome.ok)).to.deep.equal([true, false, true]);
    expect(errorsOf(outcomes)[1]).to.match(/Missing service registration/);
    const statuses = (await consul.health('odd')).map((instance) => instance.status);
    expect(statuses).to.deep.equal(['critical', 'critical']);
  });

  it('reports a refused registration and does the others', async () => {
    const { changes } = nodeWith('k8s.t.shop.refused', appOf('good', 'refused'), sidecarOf('bad', 'refused'));
    const bad = changes[1] as Extract<Change, { op: 'register' }>;
    bad.registration.service.Proxy!.DestinationServiceName = '';
    const outcomes = await consul.apply(changes);
    expect(outcomes.map((outcome) => outcome.ok)).to.deep.equal([true, false]);
    expect(errorsOf(outcomes)[1]).to.match(/Consul refused .*DestinationServiceName/);
  });
}
