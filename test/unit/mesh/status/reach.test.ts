import { expect } from 'chai';
import type { Intent } from '../../../../mesh/service/desired.ts';
import { type SiteReport, reachVerdict, readReport } from '../../../../mesh/status/reach.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';

const AT = '2026-01-01T00:00:00.000Z';
const unreached = { address: '10.244.1.7:20000', host: 'vm2', output: 'no answer within 2 s', bridgeReaches: true };
const report = (site: string, failing: SiteReport['services'][string]['unreached'] = []): SiteReport => ({
  site,
  at: AT,
  services: { 'sub-svc': { reached: 1, unreached: failing } },
});

function verdictOf(
  spec: Parameters<typeof aMeshService>[1],
  reports: SiteReport[],
  more: Partial<Intent> & { calledFromSites?: boolean } = {},
) {
  const { calledFromSites = true, ...rest } = more;
  const intent: Intent = {
    cluster: 'lab',
    namespace: 'shop',
    name: 'sub-svc',
    meshService: aMeshService('sub-svc', spec),
    pods: [aPodFacts('a', { hostPort: 22001 })],
    formerServices: [],
    ...rest,
  };
  return reachVerdict(intent, 'sub-svc', { calledFromSites, reports });
}

describe('whether sites reach the pods', () => {
  it('needs no answer for a service without outside callers, or without pods', () => {
    expect(verdictOf({}, [], { calledFromSites: false })).to.equal(undefined);
    expect(verdictOf({ workloads: { external: { sites: ['rack-1'] } } }, [report('rack-1')])).to.equal(undefined);
  });

  it('is unknown until a machine that calls it has tried', () => {
    const other = { ...report('rack-1'), services: { another: { reached: 1, unreached: [] } } };
    expect(verdictOf({}, [other])).to.include({ status: 'Unknown', reason: 'NotProbed' });
  });

  it('is true when every machine that tried got through, and names the sites', () => {
    const found = verdictOf({}, [report('rack-2'), report('rack-1')]);
    expect(found).to.include({ status: 'True', reason: 'ReachedFromSites' });
    expect(found?.message).to.contain('rack-1, rack-2');
  });

  it('is false when one did not, and says which machine of which site misses which address, and what to do', () => {
    const found = verdictOf({}, [report('rack-2'), report('rack-1', [unreached])]);
    expect(found).to.deep.equal({
      status: 'False',
      reason: 'NotReachedFromSite',
      message:
        'from site rack-1: vm2 does not reach 10.244.1.7:20000 (no answer within 2 s), which the bridge reaches. Route the pod network to the sites, or set spec.reach: hostPort and restart the pods',
    });
  });

  it('speaks of the ports of the nodes when these are what is not reached, and of the plugin when the bridge fails too', () => {
    const open = /ports 22000 to 22999 of the nodes/;
    expect(verdictOf({ reach: 'hostPort' }, [report('rack-1', [unreached])])?.message).to.match(open);
    const neither = [report('rack-1', [{ ...unreached, bridgeReaches: false }])];
    expect(verdictOf({ reach: 'hostPort' }, neither)?.message)
      .to.match(open)
      .and.to.match(/nor does the bridge.*portmap/);
  });

  it('is false under hostPort while pods have none: Pod Security forbids them, or they were made before', () => {
    const forbidden = verdictOf({ reach: 'hostPort' }, [], { podSecurity: 'restricted' });
    expect(forbidden).to.include({ status: 'False', reason: 'HostPortForbidden' });
    const pods = [aPodFacts('new', { hostPort: 22001 }), aPodFacts('old')];
    const before = verdictOf({ reach: 'hostPort' }, [report('rack-1')], { pods });
    expect(before).to.include({ status: 'False', reason: 'PodsWithoutHostPort' });
    expect(before?.message).to.contain('1 pod(s), for example old').and.to.contain('rollout restart');
    const leaving = [aPodFacts('old', { terminating: true }), aPodFacts('done', { finished: true })];
    expect(verdictOf({ reach: 'hostPort' }, [report('rack-1')], { pods: leaving })?.reason).to.equal(
      'ReachedFromSites',
    );
  });
});

describe('a report of a site', () => {
  const text = JSON.stringify(report('rack-1', [unreached]));
  it('is read as it was written, for a quarter of an hour', () => {
    expect(readReport(text, Date.parse(AT) + 899_000)).to.deep.equal(report('rack-1', [unreached]));
    expect(readReport(text, Date.parse(AT) + 901_000)).to.equal(undefined);
  });
  it('is nothing when it is something else', () => {
    for (const other of ['', '{', '[]', '{"site":"rack-1"}']) expect(readReport(other, 0)).to.equal(undefined);
  });
});
