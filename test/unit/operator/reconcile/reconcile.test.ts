import { expect } from 'chai';
import { REASONS } from '../../../../crds/reasons.ts';
import type { MeshServiceStatus } from '../../../../crds/mesh-service.ts';
import type { Intent } from '../../../../mesh/service/desired.ts';
import { OWNER_META } from '../../../../mesh/catalog/entry.ts';
import { rememberingCatalog } from '../../../../operator/catalog/catalog.ts';
import { ClusterNameTaken } from '../../../../operator/catalog/cluster-claim.ts';
import { type WalkParts, reconcile } from '../../../../operator/reconcile/reconcile.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';
import { fakeConsul } from '../../../support/fake-consul/fake-consul.ts';

/** A world of one MeshService `shop/sub-svc`, on the fake Consul. */
function world() {
  const fake = fakeConsul();
  const catalog = rememberingCatalog(fake.consul);
  const seen = { statuses: [] as MeshServiceStatus[], released: 0, held: 0, secrets: 0, dropped: 0, again: 0 };
  let intent: Intent | undefined = {
    cluster: 'lab',
    namespace: 'shop',
    name: 'sub-svc',
    meshService: aMeshService('sub-svc', { protocol: 'http', access: [{ from: 'frontend' }] }),
    pods: [aPodFacts('a'), aPodFacts('b')],
    formerServices: [],
  };
  let tokenProblem: string | undefined;
  const parts: WalkParts = {
    meshServices: { get: () => undefined },
    intents: { read: async () => intent },
    names: { learn: () => undefined, forget: () => undefined },
    finalizer: { hold: async () => void seen.held++, release: async () => void seen.released++ },
    doors: { keep: async () => undefined },
    catalog,
    foreign: { forget: () => undefined },
    report: () => undefined,
    sidecarSecrets: {
      async keep() {
        seen.secrets++;
        if (tokenProblem !== undefined) throw new Error(tokenProblem);
        return true;
      },
      remove: async () => void seen.dropped++,
    },
    surroundings: {
      look: async () => ({ podsWithoutSidecar: [], namespaceEnabled: true, external: { ready: 0, total: 0 } }),
      forget: () => undefined,
    },
    statuses: { write: async (_key, status) => void seen.statuses.push(status) },
    again: () => void seen.again++,
    now: () => '2026-01-01T00:00:00Z',
  };
  return {
    fake,
    catalog,
    seen,
    parts,
    walk: () => reconcile('shop/sub-svc', parts),
    change: (part: Partial<Intent>) => (intent = { ...intent!, ...part }),
    gone: () => (intent = undefined),
    noToken: (problem: string | undefined) => (tokenProblem = problem),
  };
}

const condition = (status: MeshServiceStatus | undefined, type: string) =>
  status?.conditions?.find((one) => one.type === type);

describe('reconcile', () => {
  it('brings a MeshService and its pods into Consul and says so', async () => {
    const { fake, seen, walk } = world();
    await walk();
    const instances = await fake.consul.health('sub-svc');
    expect(instances.map(({ service, status }) => [service.ID, status])).to.deep.equal([
      ['a', 'passing'],
      ['b', 'passing'],
    ]);
    expect(seen.statuses.at(-1)).to.include({ pods: '2/2' });
    expect(condition(seen.statuses.at(-1), 'Ready')).to.include({ status: 'True', reason: 'AllInstancesReady' });
  });

  it('asks Consul for nothing when nothing changed', async () => {
    const { fake, walk } = world();
    await walk();
    await walk();
    fake.requests.length = 0;
    await walk();
    expect(fake.requests).to.deep.equal([]);
  });

  it('makes one request and one raft write of a readiness flip', async () => {
    const { fake, walk, change } = world();
    await walk();
    await walk();
    fake.requests.length = 0;
    const before = fake.raftIndex();
    change({ pods: [aPodFacts('a', { ready: false, notReadyBecause: 'starting' }), aPodFacts('b')] });
    await walk();
    expect(fake.requests).to.deep.equal(['PUT /txn']);
    expect(fake.raftIndex() - before).to.equal(1);
    expect((await fake.consul.health('sub-svc')).map(({ status }) => status)).to.deep.equal(['critical', 'passing']);
  });

  it('writes what is much in several walks, each of which sees what changed meanwhile, and then says so', async () => {
    const { fake, seen, walk, change } = world();
    const pods = Array.from({ length: 300 }, (_, index) => aPodFacts(`p${String(index).padStart(3, '0')}`));
    change({ pods });
    await walk();
    expect([seen.again, seen.statuses.length, seen.secrets]).to.deep.equal([1, 0, 1]);
    const first = await fake.consul.health('sub-svc');
    expect(first.length).to.be.within(1, 299);
    change({ pods: [{ ...pods[0]!, ready: false, notReadyBecause: 'starting' }, ...pods.slice(1)] });
    await walk();
    const second = await fake.consul.health('sub-svc');
    expect(second.find(({ service }) => service.ID === 'p000')?.status, 'a flip comes before what is new').to.equal(
      'critical',
    );
    while (seen.statuses.length === 0 && seen.again < 10) await walk();
    expect(await fake.consul.health('sub-svc')).to.have.length(300);
    expect(seen.statuses.at(-1)).to.include({ pods: '299/300' });
  });

  it('says the same of every try while Consul is away', async () => {
    const { fake, catalog, seen, walk } = world();
    fake.available = false;
    for (let turn = 0; turn < 2; turn++) {
      catalog.doubtAll();
      await walk().catch(() => undefined);
    }
    const messages = seen.statuses.map((status) => condition(status, 'Synced')?.message);
    expect(messages).to.deep.equal([REASONS.ConsulUnavailable, REASONS.ConsulUnavailable]);
  });

  it('removes everything when the MeshService is deleted, and only then lets it go', async () => {
    const { fake, seen, walk, change } = world();
    await walk();
    change({ meshService: undefined, pods: [], formerServices: ['sub-svc'] });
    await walk();
    expect(await fake.consul.readNode('k8s.lab.shop.sub-svc')).to.equal(undefined);
    expect(await fake.consul.listConfig('service-defaults')).to.deep.equal([]);
    expect(await fake.consul.listConfig('service-intentions')).to.deep.equal([]);
    expect(seen.released).to.equal(1);
  });

  it('keeps a deleted MeshService until Consul has removed its entries', async () => {
    const { fake, seen, walk, change } = world();
    await walk();
    fake.available = false;
    change({ meshService: undefined, pods: [], formerServices: ['sub-svc'] });
    await walk().then(
      () => expect.fail('the walk should have thrown'),
      () => undefined,
    );
    expect(seen.released).to.equal(0);
    fake.available = true;
    await walk();
    expect(seen.released).to.equal(1);
  });

  it('says that another cluster has its name, and lets a MeshService go without touching what is there', async () => {
    const { fake, parts, seen, change } = world();
    const taken: typeof parts = {
      ...parts,
      catalog: { ...parts.catalog, read: () => Promise.reject(new ClusterNameTaken('taken by uid-1')) },
    };
    await reconcile('shop/sub-svc', taken).then(
      () => expect.fail('the walk should have thrown'),
      () => undefined,
    );
    for (const type of ['Ready', 'Synced']) {
      const expected = { status: 'False', reason: 'ClusterNameTaken', message: 'taken by uid-1' };
      expect(condition(seen.statuses.at(-1), type)).to.include(expected);
    }
    expect(seen.secrets).to.equal(0);
    change({ meshService: undefined, pods: [], formerServices: ['sub-svc'] });
    await reconcile('shop/sub-svc', taken);
    expect(seen.released).to.equal(1);
    expect(fake.requests).to.deep.equal([]);
  });

  it('says that Consul is away, touches nothing, and asks to come again', async () => {
    const { fake, catalog, seen, walk } = world();
    fake.available = false;
    catalog.doubtAll();
    await walk().then(
      () => expect.fail('the walk should have thrown'),
      () => undefined,
    );
    expect(condition(seen.statuses.at(-1), 'Synced')).to.include({ status: 'Unknown', reason: 'ConsulUnavailable' });
  });

  it('leaves a renamed MeshService nothing under its old name', async () => {
    const { fake, walk, change } = world();
    await walk();
    change({ meshService: aMeshService('sub-svc', { service: 'renamed' }), formerServices: ['sub-svc'] });
    await walk();
    expect((await fake.consul.listConfig('service-defaults')).map(({ entry }) => entry.Name)).to.deep.equal([
      'renamed',
    ]);
    expect(await fake.consul.health('sub-svc')).to.deep.equal([]);
    expect(await fake.consul.health('renamed')).to.have.length(2);
  });

  it('remembers the old name of a rename until the walk has come to its end', async () => {
    const { fake, catalog, seen, walk, change } = world();
    await walk();
    const before = seen.statuses.at(-1);
    const renamed = aMeshService('sub-svc', { service: 'renamed' });
    change({ meshService: { ...renamed, status: before }, formerServices: ['sub-svc', 'renamed'] });
    fake.available = false;
    catalog.doubtAll();
    await walk().then(
      () => expect.fail('the walk should have thrown'),
      () => undefined,
    );
    expect(seen.statuses.at(-1)?.consul?.service).to.equal('sub-svc');
    fake.available = true;
    await walk();
    expect(seen.statuses.at(-1)?.consul?.service).to.equal('renamed');
    const held = await fake.consul.listConfig('service-defaults');
    expect(held.map(({ entry }) => entry.Name)).to.deep.equal(['renamed']);
  });

  it('registers nothing when another claims the name between its read and its write', async () => {
    const { fake, catalog, seen, walk } = world();
    await catalog.read({ node: 'k8s.lab.shop.sub-svc', services: ['sub-svc'] }, { node: undefined, config: {} });
    const Meta = { [OWNER_META]: 'k8s/lab/other/x' };
    const entry = { Kind: 'service-defaults', Name: 'sub-svc', Protocol: 'tcp', Meta } as const;
    await fake.consul.apply([{ op: 'set-config', entry, modifyIndex: 0 }]);
    await walk().then(
      () => expect.fail('the walk should have thrown'),
      () => undefined,
    );
    expect(await fake.consul.health('sub-svc')).to.deep.equal([]);
    expect(await fake.consul.readConfig('service-intentions', 'sub-svc')).to.equal(undefined);
    expect(seen.secrets).to.equal(0);
  });

  it('does not say that instances are gone while nobody can be asked', async () => {
    const { fake, catalog, seen, walk, change } = world();
    change({ meshService: aMeshService('sub-svc', { workloads: { external: { sites: ['rack-1'] } } }), pods: [] });
    fake.available = false;
    catalog.doubtAll();
    await walk().then(
      () => expect.fail('the walk should have thrown'),
      () => undefined,
    );
    expect(condition(seen.statuses.at(-1), 'Ready')).to.include({ status: 'Unknown', reason: 'ConsulUnavailable' });
  });

  it('registers nothing under a name that another owns, and names the owner', async () => {
    const { fake, seen, walk } = world();
    const entry = {
      Kind: 'service-defaults',
      Name: 'sub-svc',
      Protocol: 'tcp',
      Meta: { [OWNER_META]: 'k8s/lab/other/x' },
    } as const;
    await fake.consul.apply([{ op: 'set-config', entry, modifyIndex: 0 }]);
    await walk();
    expect(await fake.consul.health('sub-svc')).to.deep.equal([]);
    expect((await fake.consul.readConfig('service-defaults', 'sub-svc'))?.entry).to.include({ Protocol: 'tcp' });
    expect(seen, 'no token for a name that another owns').to.include({ secrets: 0, dropped: 1 });
    const ready = condition(seen.statuses.at(-1), 'Ready');
    expect(ready).to.include({ status: 'False', reason: 'NameOwnedByAnother' });
    expect(ready?.message).to.contain('k8s/lab/other/x');
  });

  it('repairs what somebody deleted by hand once it looks again', async () => {
    const { fake, catalog, walk } = world();
    await walk();
    await fake.consul.apply([{ op: 'delete-service', node: 'k8s.lab.shop.sub-svc', id: 'a', service: 'sub-svc' }]);
    catalog.doubt('k8s.lab.shop.sub-svc');
    await walk();
    expect(await fake.consul.health('sub-svc')).to.have.length(2);
  });

  it('shows that no token could be had, and asks to come again', async () => {
    const { seen, walk, noToken } = world();
    noToken('the auth method is not there yet');
    await walk().then(
      () => expect.fail('the walk should have thrown'),
      () => undefined,
    );
    expect(condition(seen.statuses.at(-1), 'Synced')).to.include({ reason: 'TokenUnavailable' });
  });

  it('does nothing for a key whose object is gone', async () => {
    const { fake, walk, gone } = world();
    gone();
    await walk();
    expect(fake.requests).to.deep.equal([]);
  });
});
