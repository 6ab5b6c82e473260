import { expect } from 'chai';
import { synthesized } from '../../../cli/synthesized.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { mutatingWebhookConfigurations, namespaces, pods } from '../../../clients/kube/resources.ts';
import { NAMESPACE } from '../../../mesh/installation/installation.ts';
import { LABEL_MESH } from '../../../mesh/names/names.ts';
import { eventually } from '../../support/eventually.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';

interface Workload extends KubeObject {
  spec: {
    template: { metadata: object; spec: { volumes?: object[] } };
    volumeClaimTemplates?: { metadata: { name: string } }[];
  };
}

/** A cluster that comes up whole, as after a power cut: the webhook is configured, and no operator runs behind it yet. */
describe('a cold cluster', function () {
  this.timeout(120_000);
  let kube: RealKube;
  let workloads: Workload[];

  before(async () => {
    kube = await startApiServer();
    const installed = (await synthesized(undefined)) as KubeObject[];
    const ofKind = (...kinds: string[]) => installed.filter(({ kind = '' }) => kinds.includes(kind));
    workloads = ofKind('Deployment', 'StatefulSet', 'Job') as Workload[];
    await kube.client.create(namespaces, ofKind('Namespace')[0]!);
    for (const body of ofKind('PriorityClass'))
      await kube.client.request('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', { body });
    await kube.client.create(namespaces, { metadata: { name: 'shop', labels: { [LABEL_MESH]: 'enabled' } } });
    await kube.client.create(mutatingWebhookConfigurations, ofKind('MutatingWebhookConfiguration')[0]!);
    await eventually('the webhook is in force', 20_000, async () =>
      (await admitted('shop', plain('probe'))) === 'admitted' ? undefined : true,
    );
  });
  after(() => kube?.stop());

  const plain = (name: string): KubeObject => ({
    metadata: { name },
    spec: { containers: [{ name: 'app', image: 'app' }] },
  });
  const admitted = (namespace: string, pod: KubeObject): Promise<string> =>
    kube.client
      .request('POST', `/api/v1/namespaces/${namespace}/pods`, {
        body: { ...pod, metadata: { ...pod.metadata, namespace } },
        query: { dryRun: 'All' },
      })
      .then(
        () => 'admitted',
        (error: Error) => error.message,
      );

  it('admits every pod of the installation itself, so that the operator can start', async () => {
    expect(workloads.map(({ metadata }) => metadata.name)).to.include('landbridge-operator');
    for (const { metadata, spec } of workloads) {
      // As the StatefulSet controller does it, but for what is behind the volume.
      const claimed = (spec.volumeClaimTemplates ?? []).map((claim) => ({ name: claim.metadata.name, emptyDir: {} }));
      const { template } = spec;
      const pod = {
        metadata: { ...template.metadata, name: 'one' },
        spec: { ...template.spec, volumes: [...(template.spec.volumes ?? []), ...claimed] },
      };
      expect(await admitted(NAMESPACE, pod), metadata.name).to.equal('admitted');
    }
  });

  it('admits them even where somebody labelled these namespaces for the mesh', async () => {
    const labels = { [LABEL_MESH]: 'enabled', 'pod-security.kubernetes.io/enforce': 'privileged' };
    for (const namespace of ['kube-system', NAMESPACE])
      await kube.client.patchMerge(namespaces, namespace, undefined, { metadata: { labels } });
    // Admission sees labels by one watch, in order: once the last ones are in force, the first ones are too.
    await eventually('the labels are in force', 10_000, async () =>
      (await admitted(NAMESPACE, plain('dns'))).includes('PodSecurity') ? undefined : true,
    );
    for (const namespace of ['kube-system', NAMESPACE])
      expect(await admitted(namespace, plain('dns')), namespace).to.equal('admitted');
  });

  it('holds back nothing outside the mesh, and of the mesh only pods that did not opt out', async () => {
    expect(await admitted('default', plain('app'))).to.equal('admitted');
    expect(await admitted('shop', plain('app'))).to.match(/failed calling webhook "injector.landbridge.dev"/);
    const optedOut = { ...plain('app'), metadata: { name: 'app', labels: { 'landbridge.dev/inject': 'false' } } };
    expect(await admitted('shop', optedOut)).to.equal('admitted');
    expect((await kube.client.list(pods)).items).to.deep.equal([]);
  });
});
