import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { cronJobs, jobs, meshServices, pods } from '../../../clients/kube/resources.ts';
import type { Condition, Pod } from '../../../crds/kubernetes.ts';
import { type MeshService, parseMeshService } from '../../../crds/mesh-service.ts';
import { injected } from '../../../mesh/inject/patch.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, startOperatorRig } from './operator-rig.ts';

const WITHIN_MS = 15_000;

/** On a real API server and Consul. Nobody makes pods there but the test. */
describe('a MeshService beside its workloads', function () {
  this.timeout(120_000);
  let rig: OperatorRig;

  before(async () => {
    rig = await startOperatorRig({ LANDBRIDGE_VERIFY_SECONDS: '2' });
  });
  after(() => rig?.stop());

  const says = (name: string, type: string, status: string, reason: string): Promise<Condition> =>
    eventually(`${type} of ${name} is ${status} ${reason}`, WITHIN_MS, async () =>
      (await rig.statusOf(name))?.conditions?.find(
        (one) => one.type === type && one.status === status && one.reason === reason,
      ),
    );

  /** A pod as the webhook makes it of the MeshService as it is now. */
  async function makePod(name: string, app: string, address: string): Promise<void> {
    const raw = (await rig.kube.client.get(meshServices, app, 'shop')) as unknown as MeshService;
    const meshService = parseMeshService({ metadata: raw.metadata, spec: raw.spec });
    const pod = injected(
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'shop', labels: { app } },
        spec: { nodeName: 'node-1', containers: [{ name: 'app', image: 'app:1' }] },
      } as Pod,
      meshService,
      { image: 'landbridge/envoy:test', imagePullPolicy: 'IfNotPresent' },
      () => undefined,
    );
    await rig.kube.client.create(pods, pod as KubeObject & Pod);
    await rig.kube.client.patchStatus(pods, name, 'shop', {
      phase: 'Running',
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }],
    });
  }
  const template = (app: string) => ({
    metadata: { labels: { app } },
    spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'app:1' }] },
  });
  const withoutPort = (app: string) => ({
    port: undefined,
    workloads: { pods: { selector: { matchLabels: { app } } } },
  });

  it('counts the pods that are older than an upstream, until they are replaced', async () => {
    await rig.declare('web', {});
    await makePod('web-1', 'web', '10.0.0.1');
    await says('web', 'Injected', 'True', 'AllPodsInjected');
    await rig.declare('web', { upstreams: [{ service: 'add-svc', localPort: 9191 }] });
    const { message } = await says('web', 'Injected', 'False', 'PodsWithoutVariable');
    expect(message).to.contain('without ADD_SVC_ADDR (add-svc)');
    await makePod('web-2', 'web', '10.0.0.2');
    await eventually('one of two is counted', WITHIN_MS, async () =>
      (await says('web', 'Injected', 'False', 'PodsWithoutVariable')).message?.startsWith('1 of 2 pods'),
    );
    await rig.kube.client.delete(pods, 'web-1', 'shop', { gracePeriodSeconds: 0 } as never);
    await says('web', 'Injected', 'True', 'AllPodsInjected');
  });

  it('does not count pods that its selector matches no longer', async () => {
    await says('web', 'Ready', 'True', 'AllInstancesReady');
    await rig.declare('web', { workloads: { pods: { selector: { matchLabels: { app: 'wbe' } } } } });
    const { message } = await says('web', 'Ready', 'False', 'NoInstances');
    expect(message).to.contain('no pod of namespace shop has app=wbe');
  });

  it('is not ready without a port while nothing makes a pod that its selector matches, and is with a CronJob that does', async () => {
    await rig.declare('nightly', withoutPort('nightly'));
    const { message } = await says('nightly', 'Ready', 'False', 'NoInstances');
    expect(message).to.contain('no pod of namespace shop has app=nightly').and.to.contain('CronJob');
    await rig.kube.client.create(cronJobs, {
      metadata: { name: 'other', namespace: 'shop' },
      spec: { schedule: '0 3 * * *', jobTemplate: { spec: { template: template('nigthly') } } },
    } as never);
    await rig.kube.client.create(cronJobs, {
      metadata: { name: 'nightly', namespace: 'shop' },
      spec: { schedule: '0 3 * * *', jobTemplate: { spec: { template: template('nightly') } } },
    } as never);
    await says('nightly', 'Ready', 'True', 'NoInstances');
  });

  it('is not ready beside a Job that has finished before it was there, and is beside one that has yet to begin', async () => {
    await rig.kube.client.create(jobs, {
      metadata: { name: 'done', namespace: 'shop' },
      spec: { template: template('migrate') },
    } as never);
    const at = new Date().toISOString();
    await rig.kube.client.patchStatus(jobs, 'done', 'shop', {
      startTime: at,
      completionTime: at,
      succeeded: 1,
      conditions: ['SuccessCriteriaMet', 'Complete'].map((type) => ({ type, status: 'True', lastTransitionTime: at })),
    });
    await rig.declare('migrate', withoutPort('migrate'));
    await says('migrate', 'Ready', 'False', 'NoInstances');
    await rig.kube.client.create(jobs, {
      metadata: { name: 'again', namespace: 'shop' },
      spec: { suspend: true, template: template('migrate') },
    } as never);
    await says('migrate', 'Ready', 'True', 'NoInstances');
  });
});
