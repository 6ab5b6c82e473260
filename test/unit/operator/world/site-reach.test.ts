import { expect } from 'chai';
import { ConsulUnavailable } from '../../../../clients/consul/errors.ts';
import { rememberedHostPorts } from '../../../../operator/admission/host-ports.ts';
import { watchSiteReach } from '../../../../operator/world/site-reach.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';
import { fakeConsul } from '../../../support/fake-consul/fake-consul.ts';
import { fakeClock } from '../../bridge/fake-clock.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

describe('the knowledge of the operator about how sites reach pods', () => {
  it('is read every 10 s, and walks only services of which something else is known', async () => {
    const { consul } = fakeConsul();
    const clock = fakeClock();
    const stop = new AbortController();
    const changed: string[] = [];
    let away = false;
    const kvList = (prefix: string) => (away ? Promise.reject(new ConsulUnavailable('away')) : consul.kvList(prefix));
    const reach = watchSiteReach({
      consul: { kvList },
      anyMachines: () => true,
      calls: () => [],
      onChange: (service) => void changed.push(service),
      clock,
      signal: stop.signal,
      log: silent,
    });
    const write = async (services: object) => {
      const held = await consul.kvGet('landbridge/reach/rack-1');
      const report = { site: 'rack-1', at: new Date(clock.now()).toISOString(), services };
      await consul.kvCas('landbridge/reach/rack-1', JSON.stringify(report), held?.modifyIndex ?? 0);
      await clock.advance(10_000);
    };
    const well = { reached: 1, unreached: [] };
    await write({ db: well, web: well });
    expect(changed.splice(0)).to.have.members(['db', 'web']);
    await write({ db: well, web: { reached: 0, unreached: [] } });
    expect(changed.splice(0)).to.deep.equal(['web']);
    await write({ db: well, web: { reached: 0, unreached: [] } });
    expect(changed).to.deep.equal([]);
    away = true;
    await clock.advance(60_000);
    expect(reach.seen('db').reports, 'what was read last is believed').to.have.length(1);
    away = false;
    await clock.advance(900_000);
    expect(changed.splice(0), 'too old').to.have.members(['db', 'web']);
    stop.abort();
  });

  it('asks Consul for nothing while no MeshService has machines', async () => {
    const clock = fakeClock();
    const stop = new AbortController();
    let asked = 0;
    let machines = false;
    watchSiteReach({
      consul: { kvList: async () => ((asked += 1), []) },
      anyMachines: () => machines,
      calls: () => [],
      onChange: () => undefined,
      clock,
      signal: stop.signal,
      log: silent,
    });
    await clock.advance(60_000);
    expect(asked).to.equal(0);
    machines = true;
    await clock.advance(10_000);
    expect(asked).to.equal(1);
    stop.abort();
  });

  it('counts callers that machines may be instances of', () => {
    const held = (spec: Parameters<typeof aMeshService>[1]) => {
      const meshService = aMeshService('caller', spec);
      return { metadata: meshService.metadata, meshService, invalid: undefined, status: undefined, formerServices: [] };
    };
    const seenWith = (...callers: ReturnType<typeof held>[]) => {
      const stop = new AbortController();
      const consul = { kvList: async () => [] };
      const parts = {
        consul,
        anyMachines: () => true,
        onChange: () => undefined,
        clock: fakeClock(),
        signal: stop.signal,
        log: silent,
      };
      const { calledFromSites } = watchSiteReach({ ...parts, calls: () => callers }).seen('db');
      stop.abort();
      return calledFromSites;
    };
    expect(seenWith()).to.equal(false);
    expect(seenWith(held({}))).to.equal(false);
    expect(seenWith(held({}), held({ workloads: { external: { sites: ['rack-1'] } } }))).to.equal(true);
  });
});

describe('ports of nodes that the operator gives out', () => {
  it('are not given twice before the pod is seen, and again when it was never made', () => {
    let now = 0;
    const first = { ...aPodFacts('a'), hostPort: 22000 };
    const pods = { list: () => [first, aPodFacts('done', { hostPort: 22001, finished: true })] };
    const next = rememberedHostPorts(
      { pods } as never,
      () => 0,
      () => now,
    );
    expect([next(), next()]).to.deep.equal([22001, 22002]);
    now = 30_001;
    expect(next()).to.equal(22001);
  });
});
