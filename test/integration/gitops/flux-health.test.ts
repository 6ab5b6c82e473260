import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { customResourceDefinitions, meshServices, namespaces, objectPath } from '../../../clients/kube/resources.ts';
import { meshServiceCrd } from '../../../crds/custom-resource-definition.ts';
import { REASONS, type Reason } from '../../../crds/reasons.ts';
import { FINALIZER } from '../../../mesh/names/names.ts';
import { invalidStatus } from '../../../mesh/status/status.ts';
import { eventually } from '../../support/eventually.ts';
import { type KStatus, kstatusOf } from '../../support/kube/kstatus.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';

const NOW = '2026-01-01T00:00:00Z';
/** Of a condition Ready that is False: everything that stands for a Ready that is True is left out. */
const READY: Reason[] = ['AllInstancesReady'];

/** The state that Flux waits for, by its own library, on objects as the real API server gives them. */
describe('a MeshService that Flux waits for', function () {
  this.timeout(300_000);
  let kube: RealKube;

  before(async () => {
    kube = await startApiServer();
    await kube.client.create(namespaces, { metadata: { name: 'shop' } });
    await kube.client.create(customResourceDefinitions, meshServiceCrd() as unknown as KubeObject);
    await eventually('the kind is served', 20_000, () => kube.client.list(meshServices, { namespace: 'shop' }));
  });
  after(() => kube?.stop());

  const held = async (name: string): Promise<KubeObject> =>
    (await kube.client.get<KubeObject>(meshServices, name, 'shop'))!;
  const says = async (name: string): Promise<KStatus> => (await kstatusOf([await held(name)]))[0]!.status;
  const declare = (name: string): Promise<unknown> =>
    kube.client.create(meshServices, {
      apiVersion: 'landbridge.dev/v1alpha1',
      kind: 'MeshService',
      metadata: { name, namespace: 'shop', finalizers: [FINALIZER] },
      spec: { port: 80, workloads: { pods: { selector: { matchLabels: { app: name } } } } },
    } as KubeObject);
  const writeStatus = (name: string, status: object): Promise<unknown> =>
    kube.client.request('PATCH', `${objectPath(meshServices, name, 'shop')}/status`, {
      body: { status },
      contentType: 'application/merge-patch+json',
    });
  const looked = async (name: string, ready: 'True' | 'False', reason: Reason): Promise<unknown> => {
    const { generation } = (await held(name)).metadata as { generation?: number };
    const condition = { message: REASONS[reason], lastTransitionTime: NOW, observedGeneration: generation };
    return writeStatus(name, {
      observedGeneration: generation,
      conditions: [{ type: 'Ready', status: ready, reason, ...condition }],
    });
  };

  it('is in progress until the operator has looked at it, Current when it is ready, and in progress when it is changed', async () => {
    await declare('web');
    expect(await says('web'), 'before anybody looked at it').to.equal('InProgress');
    await looked('web', 'True', 'AllInstancesReady');
    expect(await says('web')).to.equal('Current');
    await kube.client.patchMerge(meshServices, 'web', 'shop', { spec: { port: 81 } });
    expect(await says('web'), 'what it says is of an older generation').to.equal('InProgress');
    await looked('web', 'True', 'AllInstancesReady');
    expect(await says('web')).to.equal('Current');
  });

  it('is in progress for every reason that it is not ready, with our words', async () => {
    await declare('api');
    for (const reason of (Object.keys(REASONS) as Reason[]).filter((one) => !READY.includes(one))) {
      await looked('api', 'False', reason);
      const [said] = await kstatusOf([await held('api')]);
      expect(said, reason).to.deep.equal({ status: 'InProgress', message: REASONS[reason] });
    }
    await writeStatus('api', invalidStatus(undefined, 1, 'spec.nonsense', NOW));
    expect(await says('api')).to.equal('InProgress');
  });

  it('is Terminating while its entries are taken out of Consul', async () => {
    await declare('old');
    await looked('old', 'True', 'AllInstancesReady');
    await kube.client.delete(meshServices, 'old', 'shop');
    expect(await says('old')).to.equal('Terminating');
  });
});
