import { expect } from 'chai';
import { doubtIn, doubtOutput, skewProblem, toldSkew } from '../../../../mesh/outside/call-doubt.ts';
import { desiredState } from '../../../../mesh/service/desired.ts';
import { type Outside, outsideOf } from '../../../../mesh/status/outside.ts';
import { statusOf } from '../../../../mesh/status/status.ts';
import { aMeshService } from '../../../support/builders.ts';

const found = (ID: string, status: 'passing' | 'critical', output = '') => ({ service: { ID }, status, output });

/** `Type -> status reason: message` of a MeshService that has these instances alone. */
function conditionsOf(external: Outside): Record<string, string> {
  const meshService = aMeshService('web', { workloads: { external: { sites: ['rack-1'] } } });
  const intent = { cluster: 'c', namespace: 'shop', name: 'web', meshService, pods: [], formerServices: [] };
  const seen = { podsWithoutSidecar: [], namespaceEnabled: true, consulDown: undefined, tokenProblem: undefined };
  const plan = { changes: [], conflicts: [] };
  const { conditions } = statusOf(intent, desiredState(intent), plan, [], { ...seen, external }, 'now');
  return Object.fromEntries(
    conditions!.map(({ type, status, reason, message }) => [type, `${status} ${reason}: ${message}`]),
  );
}

describe('instances outside the cluster, in the status', () => {
  it('says why the only instance takes no traffic', () => {
    const seen = outsideOf([found('web-vm1-80', 'critical', 'http check: GET /healthz answered 404')]);
    expect(conditionsOf(seen)['Ready']).to.equal(
      'False NoReadyInstances: No instance takes traffic. web-vm1-80 is down: "http check: GET /healthz answered 404".',
    );
  });

  it('names the first of several that are down, and their number, also while another takes traffic', () => {
    const seen = outsideOf([
      found('web-vm1-80', 'passing', 'connected'),
      found('web-vm2-80', 'critical', 'connection refused'),
      found('web-vm3-80', 'critical', 'the agent was stopped there'),
    ]);
    expect(seen).to.include({ ready: 1, total: 3 });
    expect(conditionsOf(seen)['Ready']).to.equal(
      'True SomeInstancesNotReady: At least one instance takes traffic, and at least one does not. 2 instances outside the cluster are down, for example web-vm2-80: "connection refused".',
    );
  });

  it('says that calls of a healthy instance may fail, and leaves Ready true', () => {
    const cause = '10.89.0.103:21000: no answer within 3 s';
    const conditions = conditionsOf(outsideOf([found('web-vm3-80', 'passing', doubtOutput(cause))]));
    expect(conditions['Ready']).to.equal(`True InstanceInDoubt: Calls of web-vm3-80 may fail: "${cause}".`);
    expect(conditions['Reachable']).to.equal(`False InstanceInDoubt: Calls of web-vm3-80 may fail: "${cause}".`);
  });

  it('says nothing of instances that are well', () => {
    const conditions = conditionsOf(outsideOf([found('web-vm3-80', 'passing', 'calls pass')]));
    expect(conditions['Ready']).to.match(/^True AllInstancesReady/);
    expect(conditions).not.to.have.property('Reachable');
  });

  it('takes one short line of the words of a machine, without what steers a terminal or ends the quotation', () => {
    for (const [output, words] of [
      ['\u001b[31mred\u001b[0m\u0007 "quoted"\nsecond line', "[31mred [0m 'quoted'"],
      ['', 'no reason given'],
      ['\n\n  late first line  \r\nnext', 'late first line'],
      ['right\u202eto left\u0000', 'right to left'],
      ['\u2028', 'no reason given'],
    ] as const)
      expect(outsideOf([found('a', 'critical', output)]).down?.words, JSON.stringify(output)).to.equal(words);
    const long = outsideOf([found('a', 'critical', '😀'.repeat(100_000))]).down!.words;
    expect(long.length).to.be.at.most(2 * 200);
    expect(long).to.match(/^(😀)+…$/u);
  });

  it('keeps its words while only numbers in them change, so that a status is not written with each check', () => {
    const before = outsideOf([found('a', 'critical', 'no answer within 1002 ms')]);
    expect(outsideOf([found('a', 'critical', 'no answer within 998 ms')], before)).to.deep.equal(before);
    expect(outsideOf([found('a', 'critical', 'refused')], before).down?.words).to.equal('refused');
    expect(outsideOf([found('b', 'critical', 'no answer within 998 ms')], before).down?.words).to.contain('998');
  });
});

describe('a doubt about calls', () => {
  it('travels in the output of a check', () => {
    expect(doubtIn(doubtOutput('x: y'))).to.equal('x: y');
    expect(doubtIn('tcp check: connected')).to.equal(undefined);
  });

  it('is a clock that is off by more than 30 s', () => {
    for (const skew of [undefined, 0, 30_000, -30_000]) expect(skewProblem('its clock', skew)).to.equal(undefined);
    expect(skewProblem('its clock', -7_200_000)).to.match(/^its clock is 7200 s behind the bridge's: .*timedatectl/);
    expect(skewProblem('its clock', 31_000)).to.match(/^its clock is 31 s ahead of the bridge's/);
  });

  it('tells the same skew until it has changed by more than an answer may be late', () => {
    expect(toldSkew(undefined, -1200)).to.equal(-1200);
    expect(toldSkew(-7_200_000, -7_203_000)).to.equal(-7_200_000);
    expect(toldSkew(-7_200_000, -300)).to.equal(-300);
    expect(toldSkew(0, 4000)).to.equal(0);
    expect(toldSkew(0, 31_000)).to.equal(31_000);
  });
});
