import { expect } from 'chai';
import { routeProblems } from '../../../../mesh/traffic/problems/route-problems.ts';
import { type MeshService, consulName } from '../../../../crds/mesh-service.ts';
import { desiredState } from '../../../../mesh/service/desired.ts';
import { diff } from '../../../../mesh/catalog/diff.ts';
import { configKey } from '../../../../mesh/catalog/entry.ts';
import { trafficProblems } from '../../../../mesh/traffic/problems/problems.ts';
import type { Neighbourhood } from '../../../../mesh/traffic/problems/problem.ts';
import { servicesOf } from '../../../../mesh/traffic/subset.ts';
import { aMeshService } from '../../../support/builders.ts';

const among = (...all: MeshService[]): Neighbourhood => ({
  cluster: 'lab',
  named: (service) => all.filter((each) => consulName(each) === service),
  joining: (service) => all.filter(({ spec }) => servicesOf(spec.traffic).includes(service)),
});
const leadsTo = (service: string) =>
  aMeshService('web', { protocol: 'http', traffic: { routes: [{ name: 'r', path: '/r', service }] } });
const weights = (meshService: MeshService, around: Neighbourhood) =>
  trafficProblems(meshService, around, meshService).map(({ weight, reason }) => `${weight} ${reason}`);

describe('the rules between MeshServices', () => {
  it('let two files come in any order: a missing service is waited for, and has to fit when it comes', () => {
    const web = leadsTo('late');
    expect(weights(web, among(web))).to.deep.equal(['wait ReferenceMissing']);
    const late = aMeshService('late', { protocol: 'http' });
    expect(weights(web, among(web, late))).to.deep.equal([]);
    expect(weights(late, among(web, late))).to.deep.equal([]);
    const tcp = aMeshService('late', { protocol: 'tcp' });
    expect(weights(tcp, among(web, tcp))).to.deep.equal(['refuse TrafficRefused']);
  });

  it('keep no service from going that one of another protocol leads to', () => {
    const web = leadsTo('late');
    const withdraws = (meshService: MeshService) =>
      trafficProblems(meshService, among(meshService), meshService).map((problem) => problem.withdraws);
    expect(withdraws(web)).to.deep.equal([true]);
    const failover = { failover: [{ from: '*' as const, to: ['service:late'] }] };
    expect(withdraws(aMeshService('web', { traffic: failover })), 'tcp, as a name that nobody has').to.deep.equal([
      undefined,
    ]);
  });

  it('do not count an object that is on its way out', () => {
    const web = leadsTo('going');
    const going = aMeshService('going', { protocol: 'tcp' }, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    expect(weights(web, among(web, going))).to.deep.equal(['wait ReferenceMissing']);
  });

  it('warn of calls that the other side does not let in, by name or for everybody', () => {
    const caller = aMeshService('web', { upstreams: [{ service: 'a', localPort: 1 }] });
    const callee = (access: { from: string }[]) => aMeshService('a', { access });
    expect(weights(caller, among(callee([])))).to.deep.equal(['warn CallRefused']);
    expect(weights(caller, among(callee([{ from: 'other' }])))).to.deep.equal(['warn CallRefused']);
    for (const from of ['web', '*']) expect(weights(caller, among(callee([{ from }])))).to.deep.equal([]);
    expect(weights(caller, among()), 'a service of somebody else').to.deep.equal([]);
  });

  describe('between namespaces', () => {
    const web = { ...leadsTo('payments'), metadata: { ...leadsTo('payments').metadata, namespace: 'evil' } };
    const payments = aMeshService('payments', { protocol: 'grpc' });

    it('refuse a join of other protocols to its author alone, in any order of arrival', () => {
      const around = among(web, payments);
      expect(weights(payments, around)).to.deep.equal([]);
      expect(trafficProblems(web, around, web).map(({ weight, withdraws }) => [weight, withdraws])).to.deep.equal([
        ['refuse', true],
      ]);
    });

    it('refuse it to both within a namespace, where what was joined stays', () => {
      const near = leadsTo('payments');
      const around = among(near, payments);
      expect(weights(payments, around)).to.deep.equal(['refuse TrafficRefused']);
      expect(trafficProblems(near, around, near).map(({ withdraws }) => withdraws)).to.deep.equal([undefined]);
    });
  });

  describe('where a name was lost', () => {
    const lost = {
      ...aMeshService('payments', { protocol: 'tcp' }, { namespace: 'evil' }),
      status: { conditions: [{ type: 'Synced', status: 'False', reason: 'NameOwnedByAnother' }] },
    } as unknown as MeshService;

    it('do not count the MeshService that lost it', () => {
      const web = leadsTo('payments');
      expect(weights(web, among(web, lost))).to.deep.equal([]);
      const newcomer = aMeshService('payments', { protocol: 'http' });
      expect(trafficProblems(newcomer, among(newcomer, lost)), 'it cannot block the name').to.deep.equal([]);
    });

    it('hear the one that holds it before one that came first', () => {
      const web = leadsTo('payments');
      const first = aMeshService('payments', { protocol: 'tcp' }, { namespace: 'evil' });
      const holder = {
        ...aMeshService('payments', { protocol: 'http' }),
        status: { consul: { service: 'payments', node: '' } },
      };
      expect(weights(web, among(web, first, holder))).to.deep.equal([]);
    });
  });

  it('refuse a name that another holds to a newcomer, not again to who has it already', () => {
    const mine = aMeshService('mine', { service: 'web' });
    const holder = aMeshService('web');
    const reasons = (before?: MeshService) =>
      trafficProblems(mine, among(mine, holder), before).map(({ reason }) => reason);
    expect(reasons()).to.deep.equal(['NameOwnedByAnother']);
    expect(reasons(aMeshService('mine'))).to.deep.equal(['NameOwnedByAnother']);
    expect(reasons(mine)).to.deep.equal([]);
  });
});

describe('a MeshService that cannot be served as it asks', () => {
  const intent = (meshService: MeshService) => ({
    cluster: 'lab',
    namespace: 'shop',
    name: 'web',
    meshService,
    pods: [],
    formerServices: [],
    problems: trafficProblems(meshService, among(meshService), meshService),
  });

  it('keeps the config entries it has', () => {
    const before = desiredState(intent(aMeshService('web', { protocol: 'http' })));
    const held = Object.fromEntries(
      Object.values(before.config).map((entry) => [configKey(entry), { entry, modifyIndex: 1 }]),
    );
    const wanted = desiredState(intent(leadsTo('late')));
    expect(wanted.problems.map(({ reason }) => reason)).to.deep.equal(['ReferenceMissing']);
    const { changes } = diff(wanted, { node: undefined, config: held }, before.owner);
    expect(changes.map(({ op }) => op)).to.deep.equal(['set-node']);
  });

  it('makes only its claim and its intentions for a new service', () => {
    const wanted = desiredState(
      intent({ ...leadsTo('late'), spec: { ...leadsTo('late').spec, access: [{ from: 'a' }] } }),
    );
    const { changes } = diff(wanted, { node: undefined, config: {} }, wanted.owner);
    const kinds = changes.flatMap((change) => (change.op === 'set-config' ? [change.entry.Kind] : []));
    expect(kinds).to.deep.equal(['service-defaults', 'service-intentions']);
  });

  it('warns of a rewrite that runs words together or doubles a slash, and of no other', () => {
    const of = (pathPrefix: string, rewritePrefix: string): string[] =>
      routeProblems([{ name: 'r', pathPrefix, rewritePrefix }]).map(({ weight, message }) => `${weight}: ${message}`);
    expect(of('/old/', '/new')).to.have.length(1);
    expect(of('/old/', '/new')[0]).to.match(/^warn: .*\/old\/x becomes \/newx/);
    expect(of('/old', '/new/')[0]).to.match(/\/old\/x becomes \/new\/\/x/);
    expect(of('/', '/v2')[0]).to.match(/\/x becomes \/v2x/);
    for (const [from, to] of [
      ['/old/', '/new/'],
      ['/old', '/new'],
      ['/old', '/'],
      ['/old/', '/'],
      ['/', '/v2/'],
    ] as const)
      expect(of(from, to)).to.deep.equal([]);
  });
});
