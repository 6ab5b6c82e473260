import { expect } from 'chai';
import { selectorLabels } from '../../../charts/labels.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { meshServices, namespaces, pods, secrets } from '../../../clients/kube/resources.ts';
import type { MeshServiceStatus } from '../../../crds/mesh-service.ts';
import { gatewayNode } from '../../../mesh/gateways/terminating.ts';
import { NAMESPACE } from '../../../mesh/installation/installation.ts';
import { sidecarSecret } from '../../../mesh/names/names.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

/** The operator with the rights that the chart gives for two namespaces: each is watched by itself. */
describe('an installation that looks after some namespaces only', function () {
  this.timeout(120_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;
  const labels = { 'landbridge.dev/mesh': 'enabled' };

  before(async () => {
    rig = await startOperatorRig({ watchNamespaces: ['shop', 'books'] });
    shop = shopOf(rig);
    await rig.kube.client.create(namespaces, { metadata: { name: 'elsewhere', labels } });
    const operator = await rig.start({ LANDBRIDGE_EDGE: 'enabled', LANDBRIDGE_GATEWAY: 'enabled' });
    expect(operator.log()).not.to.include('is forbidden');
  });
  after(() => rig?.stop());

  const declare = (name: string, namespace: string): Promise<KubeObject> =>
    rig.kube.client.apply(meshServices, {
      metadata: { name, namespace },
      spec: { port: 8080, workloads: { pods: { selector: { matchLabels: { app: name } } } } },
    });
  const statusOf = async (name: string, namespace: string): Promise<MeshServiceStatus | undefined> =>
    (await rig.kube.client.get<KubeObject & { status?: MeshServiceStatus }>(meshServices, name, namespace))?.status;
  const containersOf = async (namespace: string, app: string): Promise<string[]> => {
    const pod = { ...shop.plainPod('probe', app), metadata: { name: 'probe', namespace, labels: { app } } };
    const made = await rig.kube.client.request<KubeObject & { spec: { initContainers?: { name: string }[] } }>(
      'POST',
      `/api/v1/namespaces/${namespace}/pods`,
      { body: pod, query: { dryRun: 'All' } },
    );
    return (made.spec.initContainers ?? []).map(({ name }) => name);
  };

  it('does all of its work there, with no right refused', async () => {
    await declare('web', 'elsewhere');
    await shop.declare('web');
    await declare('pages', 'books');
    await shop.condition('web', 'Synced', 'Synced');
    await shop.pod('web-1', 'web', '10.0.0.1');
    await shop.condition('web', 'Ready', 'AllInstancesReady');
    expect((await rig.consul.listNodes('k8s.')).map(({ name }) => name)).to.include.members([
      'k8s.lab.shop.web',
      'k8s.lab.books.pages',
    ]);
    await shop.deletePod('web-1');
    await shop.remove('web');
    await shop.holds('nothing', 'web', {});
    expect(rig.operators.map((operator) => operator.log()).join()).not.to.match(/is forbidden|Consul (denied|hid)/);
  });

  it('sees the pods of its own terminating gateway', async () => {
    const metadata = { name: 'gateway-1', namespace: NAMESPACE, labels: selectorLabels('gateway') };
    await rig.kube.client.create(pods, { metadata, spec: shop.plainPod('gateway-1', 'x').spec } as KubeObject);
    await rig.kube.client.patchStatus(pods, 'gateway-1', NAMESPACE, { phase: 'Running', podIP: '10.0.0.9' });
    await eventually('it is registered', 15_000, async () =>
      Boolean((await rig.consul.readNode(gatewayNode('lab')))?.registrations['gateway-1']),
    );
    expect(rig.operators.map((operator) => operator.log()).join()).not.to.match(/is forbidden|Consul (denied|hid)/);
  });

  it('leaves every other alone: no status, no Secret, no sidecar, nothing in Consul', async () => {
    // The defaults that the CRD itself sets.
    expect(await statusOf('web', 'elsewhere')).to.deep.equal({ observedGeneration: -1 });
    expect(await rig.kube.client.get(secrets, sidecarSecret('web'), 'elsewhere')).to.equal(undefined);
    expect((await rig.consul.listNodes('k8s.lab.elsewhere.')).length).to.equal(0);
    expect(await containersOf('elsewhere', 'web')).to.deep.equal([]);
    await shop.declare('front');
    await shop.condition('front', 'Synced', 'Synced');
    expect(await containersOf('shop', 'front')).to.deep.equal(['landbridge-sidecar']);
  });

  it('may not even read the Secrets and pods of the others', async () => {
    const user = 'system:serviceaccount:landbridge:landbridge-operator';
    const operator = await rig.kube.clientFor({ user, groups: ['system:serviceaccounts', 'system:authenticated'] });
    const refusal = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'it may',
        (error: { reason: string }) => error.reason,
      );
    expect(await refusal(operator.get(secrets, 'any', 'elsewhere'))).to.equal('Forbidden');
    expect(await refusal(operator.list(pods, { namespace: 'elsewhere' }))).to.equal('Forbidden');
    expect(await refusal(operator.list(pods, {}))).to.equal('Forbidden');
    expect(await refusal(operator.get(secrets, 'any', 'books'))).to.equal('it may');
  });
});
