import { expect } from 'chai';
import type { ProbeAnswer } from '../../../../mesh/outside/bridge-api.ts';
import type { ProbeResult, ProbeTarget } from '../../../../mesh/outside/bridge-shapes.ts';
import type { NodeEntry } from '../../../../mesh/catalog/entry.ts';
import { registrationsOf } from '../../../../mesh/service/instance.ts';
import { type SiteReport, readReport } from '../../../../mesh/status/reach.ts';
import { type BridgeUnderTest, SITE } from '../bridge-under-test.ts';

/** The story of pods that machines call: the tries, and the use of their results. */
export function podReachContract(open: () => BridgeUnderTest): void {
  const node: NodeEntry = { Node: 'k8s.lab.shop.db', Address: '127.0.0.1', Meta: {}, registrations: {} };

  /** A pod in the catalog, as the operator registers it. */
  async function pod(id: string, address: string, more: { health?: 'passing' | 'critical'; hostPort?: number } = {}) {
    const { health = 'passing', hostPort } = more;
    const registrations = registrationsOf({
      id,
      service: 'db',
      platform: 'pod',
      site: 'lab',
      address,
      appPort: 5432,
      sidecarPort: 20000,
      reachedAt: hostPort === undefined ? undefined : { address, port: hostPort },
      health,
      output: '',
      upstreams: [],
      accessLog: 'none',
    });
    const outcomes = await open().reader.apply([
      { op: 'set-node', node },
      ...registrations.map((registration) => ({ op: 'register' as const, node, registration })),
    ]);
    expect(outcomes.every(({ ok }) => ok)).to.equal(true);
  }

  const caller = async () => {
    open().admit('web', { upstreams: [{ service: 'db', localPort: 9191 }] });
    const vm = await open().join('vm1', 'web');
    return async (results: ProbeResult[] = []): Promise<ProbeAnswer> => {
      const reply = await vm.client.post('/v1/probe', { results });
      expect(reply.status, JSON.stringify(reply.body)).to.equal(200);
      return reply.body as ProbeAnswer;
    };
  };
  const missed = (target: ProbeTarget): ProbeResult => ({ ...target, ok: false, output: 'no answer within 2 s' });
  const reached = (target: ProbeTarget): ProbeResult => ({ ...target, ok: true, output: 'connected' });
  const report = async (): Promise<SiteReport | undefined> => {
    const held = await open().reader.kvGet(`landbridge/reach/${SITE}`);
    return held && readReport(held.value, open().clock.now());
  };
  const reports = (services: SiteReport['services']) =>
    within(40_000, async () => expect((await report())?.services).to.deep.equal(services));

  /** Until it holds, while the bridge's clock goes on by `ms` at most. */
  async function within(ms: number, assertion: () => Promise<unknown>): Promise<void> {
    for (let passed = 0; ; passed += 1000) {
      try {
        await assertion();
        return;
      } catch (error) {
        if (passed > ms) throw error;
      }
      await open().clock.advance(1000);
      // Consul is asked over a real connection, which knows nothing of that clock.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  it('lets a machine try pods that its services call, where they are registered, and no others', async () => {
    await pod('db-1', '127.0.0.11');
    await pod('db-2', '127.0.0.12', { hostPort: 22017 });
    await pod('db-3', '127.0.0.13', { health: 'critical' });
    const probe = await caller();
    const { targets, nextMs } = await probe();
    expect(nextMs).to.equal(30_000);
    expect(targets).to.have.deep.members([
      { service: 'db', address: '127.0.0.11', port: 20000 },
      { service: 'db', address: '127.0.0.12', port: 22017 },
    ]);
  });

  it('writes what was not reached for the operator, with what the bridge itself met there, and takes it back', async () => {
    await pod('db-1', '127.0.0.11');
    await pod('db-2', '127.0.0.12');
    const probe = await caller();
    const { targets } = await probe();
    const [first, second] = targets.sort((a, b) => (a.address < b.address ? -1 : 1)) as [ProbeTarget, ProbeTarget];
    await probe([missed(first), reached(second)]);
    await reports({
      db: {
        reached: 1,
        unreached: [{ address: '127.0.0.11:20000', host: 'vm1', output: 'no answer within 2 s', bridgeReaches: false }],
      },
    });
    await probe([reached(first)]);
    await reports({ db: { reached: 2, unreached: [] } });
  });

  it('says nothing of a pod that was leaving when it was tried', async () => {
    await pod('db-1', '127.0.0.11');
    await pod('db-2', '127.0.0.12');
    const probe = await caller();
    const { targets } = await probe();
    await probe(targets.map((target) => (target.address === '127.0.0.11' ? missed(target) : reached(target))));
    await pod('db-1', '127.0.0.11', { health: 'critical' });
    await open().clock.advance(6000);
    await reports({ db: { reached: 1, unreached: [] } });
  });

  it('keeps nothing of services that the machine does not call, and of addresses that it was not asked to try', async () => {
    await pod('db-1', '127.0.0.11');
    const probe = await caller();
    await probe([
      missed({ service: 'other', address: '127.0.0.11', port: 20000 }),
      missed({ service: 'db', address: '127.0.0.99', port: 20000 }),
      reached({ service: 'db', address: '127.0.0.11', port: 20000 }),
    ]);
    await reports({ db: { reached: 1, unreached: [] } });
  });

  it('writes a report that says nothing new once in five minutes', async () => {
    await pod('db-1', '127.0.0.11');
    const probe = await caller();
    const { targets } = await probe();
    await probe(targets.map(reached));
    await reports({ db: { reached: 1, unreached: [] } });
    const requests = await open().requestsOf(async () => {
      await probe(targets.map(reached));
      await open().clock.advance(40_000);
    });
    expect(requests.filter((request) => request.includes('PUT /kv/landbridge/reach'))).to.deep.equal([]);
  });

  it('forgets a site when its last machine stops trying', async () => {
    await pod('db-1', '127.0.0.11');
    const probe = await caller();
    const { targets } = await probe();
    await probe(targets.map(reached));
    await reports({ db: { reached: 1, unreached: [] } });
    await within(200_000, async () => expect(await report()).to.equal(undefined));
  });
}
