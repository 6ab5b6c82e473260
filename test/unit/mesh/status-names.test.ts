import { expect } from 'chai';
import { type Intent, desiredState } from '../../../mesh/desired.ts';
import { statusOf } from '../../../mesh/status.ts';
import { aMeshService, aPodFacts } from '../../support/builders.ts';

const SEEN = {
  ...{ podsWithoutSidecar: [], namespaceEnabled: true, external: { ready: 0, total: 0 } },
  ...{ consulDown: undefined, tokenProblem: undefined },
};

function conditionsOf(intent: Partial<Intent>): Record<string, string> {
  const meshService = aMeshService('web', {
    workloads: { pods: { selector: { matchLabels: { app: 'wbe' } } }, external: { sites: ['rack-1'] } },
  });
  const whole: Intent = {
    ...{ cluster: 'c', namespace: 'shop', name: 'web', meshService, pods: [], formerServices: [] },
    ...intent,
  };
  const status = statusOf(whole, desiredState(whole), { changes: [], conflicts: [] }, [], SEEN, 'now');
  return Object.fromEntries(status.conditions!.map(({ type, status: is, message }) => [type, `${is}: ${message}`]));
}

describe('the status of a MeshService', () => {
  it('names the selector and the sites when nothing matches', () => {
    expect(conditionsOf({})['Ready']).to.equal(
      'False: No instance exists yet: no pod of namespace shop has app=wbe, and no machine of rack-1 has joined.',
    );
  });

  it('has a condition for a name that nobody answers to, only while that is so, and it blocks nothing', () => {
    const problems = [
      { weight: 'warn' as const, reason: 'NameUnmet' as const, message: 'no MeshService has the name x' },
    ];
    const pods = [aPodFacts('p', { injected: true, ready: true })];
    const unmet = conditionsOf({ problems, pods });
    expect(unmet['NamesMet']).to.equal('False: no MeshService has the name x');
    expect(unmet['Synced']).to.match(/^True/);
    expect(unmet['Ready']).to.match(/^True/);
    expect(conditionsOf({ pods })).not.to.have.property('NamesMet');
  });
});
