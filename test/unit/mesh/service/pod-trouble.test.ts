import { expect } from 'chai';
import type { Pod } from '../../../../crds/kubernetes.ts';
import { type Intent, desiredState } from '../../../../mesh/service/desired.ts';
import { podFacts } from '../../../../mesh/service/pod.ts';
import { statusOf } from '../../../../mesh/status/status.ts';
import { holdPod } from '../../../../operator/world/world.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';

const waiting = (name: string, reason: string, message = '') => ({ name, state: { waiting: { reason, message } } });
const ended = (name: string, exitCode: number, reason = 'Error') => ({
  name,
  state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
  lastState: { terminated: { exitCode, reason } },
});
function aPod(status: object): Pod {
  return {
    metadata: { name: 'web-1', namespace: 'shop', labels: { 'landbridge.dev/mesh-service': 'web' } },
    spec: {
      initContainers: [{ name: 'landbridge-sidecar', image: 'envoy:typo', restartPolicy: 'Always' }],
      containers: [{ name: 'app', image: 'shop/web:typo' }],
    },
    status: { phase: 'Pending', conditions: [{ type: 'Ready', status: 'False' }], ...status },
  };
}
const troubleOf = (status: object) => podFacts(aPod(status)).trouble;
const app = (status: object) => ({ containerStatuses: [status] });

describe('a pod that will not be ready by itself', () => {
  const cases: [string, object, string | undefined][] = [
    ['names an image that cannot be pulled', app(waiting('app', 'ErrImagePull', 'not found')), 'image of app'],
    ['names it while the kubelet waits for the next try', app(waiting('app', 'ImagePullBackOff', 'x')), 'image of app'],
    ['names an image whose name is none', app(waiting('app', 'InvalidImageName')), 'image of app'],
    ['names an image that may not be pulled', app(waiting('app', 'ErrImageNeverPull')), 'image of app'],
    [
      'names the image of the sidecar before that of the app, which waits for it',
      {
        initContainerStatuses: [waiting('landbridge-sidecar', 'ErrImagePull')],
        containerStatuses: [waiting('app', 'PodInitializing')],
      },
      'the image envoy:typo of its container landbridge-sidecar cannot be had',
    ],
    [
      'names a Secret that is not there',
      app(waiting('app', 'CreateContainerConfigError', 'secret "db" not found')),
      'its container app cannot be made: secret "db" not found',
    ],
    [
      'tells of an app that ends',
      app(ended('app', 1)),
      'its container app has ended (exit code 1) and is started again',
    ],
    [
      'tells of an app without memory',
      app(ended('app', 137, 'OOMKilled')),
      'its container app has ended (out of memory) and is started again',
    ],
    [
      'tells that no node takes it',
      { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' }] },
      'no node takes it (kubectl describe pod says why)',
    ],
    ['says nothing while it starts', app(waiting('app', 'ContainerCreating')), undefined],
    [
      'says nothing once it is ready',
      { ...app(ended('app', 1)), conditions: [{ type: 'Ready', status: 'True' }] },
      undefined,
    ],
    ['says nothing once it has finished', { ...app(ended('app', 1)), phase: 'Failed' }, undefined],
    ['says nothing before the kubelet has seen it', {}, undefined],
  ];
  for (const [title, status, said] of cases) {
    it(title, () => {
      const whole = said === 'image of app' ? 'the image shop/web:typo of its container app cannot be had' : said;
      expect(troubleOf(status)).to.equal(whole);
    });
  }

  it('is the same pod from one try of the kubelet to the next, so that no walk follows', () => {
    const facts = holdPod(aPod(app(waiting('app', 'ErrImagePull', 'rpc error'))) as never, undefined);
    expect(holdPod(aPod(app(waiting('app', 'ImagePullBackOff', 'Back-off'))) as never, facts)).to.equal(facts);
  });
});

describe('Ready', () => {
  const SEEN = {
    ...{ podsWithoutSidecar: [], namespaceEnabled: true, external: { ready: 0, total: 0 } },
    ...{ consulDown: undefined, tokenProblem: undefined },
  };
  const selector = { matchLabels: { app: 'web' } };
  function conditionOf(type: string, intent: Partial<Intent>): string | undefined {
    const meshService = aMeshService('web', { workloads: { pods: { selector } } });
    const whole: Intent = {
      ...{ cluster: 'c', namespace: 'shop', name: 'web', meshService, pods: [], formerServices: [] },
      ...intent,
    };
    const status = statusOf(whole, desiredState(whole), { changes: [], conflicts: [] }, [], SEEN, 'now');
    return status.conditions!.find((one) => one.type === type)?.message;
  }
  const labels = { app: 'web' };
  const stuck = aPodFacts('web-2', {
    labels,
    ready: false,
    trouble: 'the image web:typo of its container app cannot be had',
  });

  it('names the first pod that does not start and why', () => {
    const said = 'Pod web-2 does not start: the image web:typo of its container app cannot be had.';
    expect(conditionOf('Ready', { pods: [stuck] })).to.equal(`No instance takes traffic. ${said}`);
    const pods = [{ ...stuck, name: 'web-3' }, stuck, aPodFacts('web-1', { labels, ready: true })];
    expect(conditionOf('Ready', { pods })).to.equal(
      `At least one instance takes traffic, and at least one does not. ${said}`,
    );
  });

  it('names a pod that is not ready and does not know why, where no other takes traffic', () => {
    const because = 'containers with unready status: [app]';
    const pods = [aPodFacts('web-1', { labels, ready: false, notReadyBecause: because })];
    expect(conditionOf('Ready', { pods })).to.equal(
      "No instance takes traffic. Pod web-1 is not ready: containers with unready status: [app]. A probe goes to the pod's address, so it fails where the app listens on 127.0.0.1 alone or on another port: kubectl -n shop describe pod web-1",
    );
    expect(conditionOf('Ready', { pods: [...pods, aPodFacts('web-2', { labels, ready: true })] })).to.equal(
      'At least one instance takes traffic, and at least one does not.',
    );
  });

  it('says nothing of a pod that is on its way out', () => {
    expect(conditionOf('Ready', { pods: [{ ...stuck, terminating: true }] })).to.equal('No instance takes traffic.');
  });

  it('does not say that no pod has the labels where an older MeshService has the pods', () => {
    const overlap = { message: 'MeshServices old and web select the same pods', yields: true };
    expect(conditionOf('Ready', { overlap })).to.equal(
      'No instance exists: MeshServices old and web select the same pods.',
    );
    expect(conditionOf('Injected', { overlap })).to.equal(overlap.message);
    expect(conditionOf('Ready', { overlap: { ...overlap, yields: false } })).to.equal(
      'No instance exists: no pod of namespace shop has app=web.',
    );
  });
});
