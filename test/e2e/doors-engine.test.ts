import { expect } from 'chai';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { type Condition, conditionOf, memberPods } from '../support/doors.ts';
import { eventually } from '../support/eventually.ts';

const inShop = ['--namespace', SAMPLE_NAMESPACE];
const inKubeSystem = ['--namespace', 'kube-system'];
const SERVICE = 'echo-pod';

/** From a new pod that is ready until the condition tells of its open door, and from its end until it does not. */
const TOLD_WITHIN_MS = 60_000;

describe('the doors of pods on a node whose policy engine has stopped', () => {
  let lab: RunningLab;
  before(async () => (lab = await runningLab()));
  after(async () => {
    await runOn([]);
    await rollout(SERVICE);
  });

  /** kube-router runs on every node but these. */
  const runOn = async (without: string[]): Promise<void> => {
    const notThere = {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'NotIn', values: without }] },
          ],
        },
      },
    };
    const affinity = without.length === 0 ? null : notThere;
    const patch = JSON.stringify({ spec: { template: { spec: { affinity } } } });
    await lab.cluster.kubectl(['patch', 'daemonset/kube-router', ...inKubeSystem, '--type=merge', '-p', patch]);
    await lab.cluster.kubectl(['rollout', 'status', 'daemonset/kube-router', ...inKubeSystem, '--timeout=120s']);
  };
  const rollout = async (name: string): Promise<void> => {
    await lab.cluster.kubectl(['rollout', 'restart', `deployment/${name}`, ...inShop]);
    await lab.cluster.kubectl(['rollout', 'status', `deployment/${name}`, ...inShop, '--timeout=120s']);
  };
  const enforced = (status: string): Promise<Condition> =>
    eventually(`Enforced is ${status}`, TOLD_WITHIN_MS, async () => {
      const found = await conditionOf(lab, SERVICE, 'Enforced');
      return found?.status === status ? found : Promise.reject(new Error(JSON.stringify(found)));
    });

  it('turn Enforced to False with the name of the pod, and to True once it runs again', async () => {
    await enforced('True');
    const workers = (await lab.cluster.nodes()).filter(({ role }) => role === 'worker');
    // On every worker, so that the new pod is on such a node wherever it is put.
    await runOn(workers.map(({ name }) => name));
    await rollout(SERVICE);
    const begun = performance.now();
    const told = await enforced('False');
    console.log(`    told after ${((performance.now() - begun) / 1000).toFixed(1)} s: ${told.message}`);
    const [pod] = await memberPods(lab, SERVICE);
    expect(told.reason).to.equal('DoorOpen');
    expect(told.message).to.contain(pod!.name);
    await runOn([]);
    await enforced('True');
  });
});
