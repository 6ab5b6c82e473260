import { expect } from 'chai';
import { type DoorsSeen, NO_TRIAL, doorsVerdict } from '../../../../mesh/doors/verdict.ts';
import { aMeshService } from '../../../support/builders.ts';

const seen = (more: Partial<DoorsSeen> = {}): DoorsSeen => ({
  standard: 'Strict',
  policyOfAnother: false,
  problem: undefined,
  openers: [],
  leads: [],
  trial: NO_TRIAL,
  ...more,
});
const closed = { ...NO_TRIAL, closed: 2, ports: [8080, 9090] };
const open = { ...NO_TRIAL, open: [{ pod: 'a', node: 'worker', port: 8080 }], openPods: 1 };
const verdict = (more: Partial<DoorsSeen> = {}, spec: Parameters<typeof aMeshService>[1] = {}) =>
  doorsVerdict(aMeshService('sub-svc', spec), seen(more));

describe('the condition Enforced', () => {
  it('does not exist for a MeshService without pods and without an instance on a machine', () => {
    expect(verdict({}, { workloads: { external: { sites: ['rack-1'] } } })).to.equal(undefined);
  });

  it('is unknown until a pod was tried', () => {
    expect(verdict()).to.include({ status: 'Unknown', reason: 'DoorsNotTried' });
  });

  it('is unknown where the sidecar does not answer either, since silence proves nothing then', () => {
    const found = verdict({ trial: { ...NO_TRIAL, unreached: 'a' } });
    expect(found).to.include({ status: 'Unknown', reason: 'DoorsNotTried' });
    expect(found?.message).to.contain('pod a does not answer the operator at its sidecar either');
  });

  it('is true when nothing got through, and says which ports were tried and that a loopback listener refuses too', () => {
    const found = verdict({ trial: closed });
    expect(found).to.include({ status: 'True', reason: 'Enforced' });
    expect(found?.message).to.contain('port 8080, 9090').and.to.contain('127.0.0.1');
  });

  it('does not change with the number of pods that were tried', () => {
    expect(verdict({ trial: closed })).to.deep.equal(verdict({ trial: { ...closed, closed: 3 } }));
  });

  it('is false when one connection got through, and names the pod, the port and the remedy', () => {
    const found = verdict({ trial: { ...closed, ...open, closed: 5, openPods: 3 } });
    expect(found).to.include({ status: 'False', reason: 'DoorOpen' });
    expect(found?.message)
      .to.contain('port 8080 of pod a on node worker')
      .and.to.contain('2 more pod(s)')
      .and.to.contain('does not enforce NetworkPolicies');
  });

  it('names the policy that opens a port, rather than the plugin', () => {
    const openers = [{ policy: 'allow-all', everybody: true, ports: 'every port' }];
    const found = verdict({ openers, trial: open });
    expect(found).to.include({ status: 'False', reason: 'OpenedByPolicy' });
    expect(found?.message).to.contain('NetworkPolicy allow-all opens every port to everybody');
  });

  it('says that a policy of another hand is in the way, or why ours could not be written', () => {
    expect(verdict({ policyOfAnother: true })).to.include({ status: 'False', reason: 'PolicyOfAnother' });
    const refused = verdict({ problem: 'forbidden' });
    expect(refused).to.include({ status: 'False', reason: 'PolicyNotKept' });
    expect(refused?.message).to.contain('sub-svc-landbridge').and.to.contain('forbidden');
  });

  it('is false under Permissive, and names the ways that are seen and what is not seen', () => {
    const lead = {
      kind: 'Service' as const,
      name: 'a',
      fromOutside: false,
      text: 'Service a (ClusterIP, to port 8080)',
    };
    const asked = verdict({ leads: [lead] }, { mutualTLS: 'Permissive' });
    expect(asked).to.include({ status: 'False', reason: 'Permissive' });
    expect(asked?.message)
      .to.contain('spec.mutualTLS is Permissive')
      .and.to.contain('by Service a (ClusterIP, to port 8080)')
      .and.to.contain('callers that use the addresses of pods are not seen');
    expect(verdict({ standard: 'Permissive' })?.message).to.contain('defaultMutualTLS');
  });
});
