import { expect } from 'chai';
import type { MeshServiceStatus } from '../../../../crds/mesh-service.ts';
import { type DoorsSeen, NO_TRIAL } from '../../../../mesh/doors/verdict.ts';
import { desiredState } from '../../../../mesh/service/desired.ts';
import { recalledOutside } from '../../../../mesh/status/outside.ts';
import { statusOf } from '../../../../mesh/status/status.ts';
import { aMeshService } from '../../../support/builders.ts';

const UNTRIED: DoorsSeen = {
  ...{ standard: 'Strict' as const, policyOfAnother: false, problem: undefined },
  ...{ openers: [], leads: [], trial: NO_TRIAL, isTried: false },
};
const condition = (type: string, status: 'True' | 'False', reason: string) => ({
  ...{ type, status, reason, message: 'As it was found.', lastTransitionTime: 'then', observedGeneration: 3 },
});

/** `Type reason` of what the next operator says before it has looked around. */
function toldEarly(before: MeshServiceStatus, generation: number, doors: DoorsSeen = UNTRIED): string[] {
  const made = aMeshService('web', { workloads: { external: { sites: ['rack-1'] } } });
  const meshService = { ...made, metadata: { ...made.metadata, generation }, status: before };
  const intent = { cluster: 'c', namespace: 'shop', name: 'web', meshService, pods: [], formerServices: [] };
  const seen = {
    ...{ podsWithoutSidecar: [], namespaceEnabled: true, consulDown: 'Consul is away.', tokenProblem: undefined },
    ...{ doors, external: recalledOutside(before), reach: { calledFromSites: false, reports: [], isRead: false } },
  };
  const status = statusOf(intent, desiredState(intent), { changes: [], conflicts: [] }, [], seen, 'now');
  return [...status.conditions!.map(({ type, reason }) => `${type} ${reason}`), `vms ${status.vms}`];
}

describe('an operator that has not looked around yet', () => {
  const instances = { external: { ready: 2, total: 2 } };
  const conditions = [condition('Enforced', 'True', 'Enforced'), condition('Reachable', 'True', 'ReachedFromSites')];

  it('keeps the counts and the verdicts of the operator that led before', () => {
    expect(toldEarly({ instances, conditions }, 3)).to.deep.equal([
      'Ready AllInstancesReady',
      'Synced ConsulUnavailable',
      'Injected NoPodsSelected',
      'Reachable ReachedFromSites',
      'Enforced Enforced',
      'vms 2/2',
    ]);
  });

  it('keeps no verdict about another spec', () => {
    expect(toldEarly({ instances, conditions }, 4)).not.to.include.members(['Reachable ReachedFromSites']);
    expect(toldEarly({ instances, conditions }, 4)).not.to.include.members(['Enforced Enforced']);
  });

  it('keeps no verdict about a mode that the installation no longer has', () => {
    const permissive = { instances, conditions: [condition('Enforced', 'False', 'Permissive')] };
    expect(toldEarly(permissive, 3)).not.to.include('Enforced Permissive');
  });

  it('says of a MeshService without a status that nothing is known', () => {
    expect(toldEarly({}, 3)).to.deep.equal([
      'Ready ConsulUnavailable',
      'Synced ConsulUnavailable',
      'Injected NoPodsSelected',
      'vms 0/0',
    ]);
  });
});
