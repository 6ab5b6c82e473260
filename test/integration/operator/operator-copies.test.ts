import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { meshServices, namespaces } from '../../../clients/kube/resources.ts';
import type { Container, Pod } from '../../../crds/kubernetes.ts';
import { SIDECAR_CONTAINER } from '../../../mesh/names/names.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

type SomePod = KubeObject & Pod;

/** The pods that a real API server makes of what people give it: copies of injected pods, templates with our marks, pods with odd fields. */
describe('pods that come with more than an app', function () {
  this.timeout(120_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;
  /** As `kubectl get pod -o yaml` shows it. */
  let original: SomePod;

  const post = (namespace: string, pod: object, query: Record<string, string> = { dryRun: 'All' }): Promise<SomePod> =>
    rig.kube.client.request<SomePod>('POST', `/api/v1/namespaces/${namespace}/pods`, { body: pod, query });
  const sidecarOf = ({ spec }: SomePod): Container | undefined =>
    spec.initContainers?.find(({ name }) => name === SIDECAR_CONTAINER);
  const secretsOf = ({ spec }: SomePod): string[] =>
    ((spec.volumes ?? []) as { secret?: { secretName: string } }[]).flatMap(({ secret }) => secret?.secretName ?? []);
  /** Without what the API server gives an object. */
  const copy = (change: (pod: SomePod) => void = () => undefined): object => {
    const { metadata, spec } = structuredClone(original);
    const { labels, annotations } = metadata;
    const made = { metadata: { name: 'copy', labels, annotations }, spec } as SomePod;
    change(made);
    return made;
  };
  const declareIn = (namespace: string, name: string, spec: object) =>
    rig.kube.client.apply(meshServices, { metadata: { name, namespace }, spec: { port: 8080, ...spec } } as KubeObject);
  const forWeb = { workloads: { pods: { selector: { matchLabels: { app: 'web' } } } } };

  before(async () => {
    rig = await startOperatorRig();
    shop = shopOf(rig);
    await rig.start();
    const labels = { 'landbridge.dev/mesh': 'enabled' };
    for (const name of ['restored', 'empty']) await rig.kube.client.create(namespaces, { metadata: { name, labels } });
    const upstreams = [{ service: 'add-svc', localPort: 9191, env: 'ADD' }];
    await shop.only('web', [], { protocol: 'http', upstreams });
    const owner = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: 'web',
      uid: crypto.randomUUID(),
      controller: true,
    };
    const plain = shop.plainPod('web-1', 'web') as SomePod;
    const owned = { ...plain, metadata: { ...plain.metadata, ownerReferences: [owner] } };
    await eventually('pods are admitted', 20_000, () => post('shop', owned));
    original = await post('shop', owned, {});
    expect(sidecarOf(original)).to.be.an('object');
    expect(original.spec.containers[0]!.lifecycle).to.deep.equal({ preStop: { sleep: { seconds: 5 } } });
    await declareIn('restored', 'web-again', { ...forWeb, upstreams: [{ ...upstreams[0], localPort: 7171 }] });
    await eventually('the copy would be injected', 20_000, async () => {
      const made = await post('restored', copy());
      return secretsOf(made)[0] === 'web-again-landbridge' || undefined;
    });
  });
  after(() => rig?.stop());

  it('run as they are in their own namespace, and without a sidecar where nobody selects them', async () => {
    expect(secretsOf(await post('shop', copy()))).to.deep.equal(['web-landbridge']);
    for (const namespace of ['empty', 'restored', 'shop']) {
      const bare = await post(
        namespace,
        copy((pod) => delete pod.metadata.labels),
      );
      expect([sidecarOf(bare), secretsOf(bare)], namespace).to.deep.equal([undefined, []]);
      expect(bare.spec.containers[0]!.env ?? []).to.deep.equal([]);
      expect(bare.spec.containers[0]).to.not.have.property('lifecycle');
    }
  });

  const COPIES: Record<string, (pod: SomePod) => void> = {
    'as they were': () => undefined,
    'with a container to look around, and all processes in one space': ({ spec }) => {
      spec.containers.push({ name: 'debugger', image: 'busybox', stdin: true, tty: true } as Container);
      Object.assign(spec, { shareProcessNamespace: true });
    },
    'with other images in all containers': ({ spec }) => {
      for (const one of [...spec.containers, ...spec.initContainers!]) one.image = 'busybox';
    },
    'with the container of a backup before all others': ({ spec }) => {
      spec.initContainers!.unshift({ name: 'restore-wait', image: 'velero/helper:1' });
    },
    'without annotations': ({ metadata }) => delete metadata.annotations,
    'without the sidecar, and with its volume': ({ spec }) => delete spec.initContainers,
    'without the volume, and with the sidecar': ({ spec }) => {
      const { name } = (spec.volumes as { name: string; secret?: object }[]).find(
        ({ secret }) => secret !== undefined,
      )!;
      spec.volumes = (spec.volumes as { name: string }[]).filter((volume) => volume.name !== name) as never;
    },
    'with the marks of an injection, and nothing else of it': ({ spec }) => {
      delete spec.initContainers;
      delete spec.volumes;
    },
  };
  for (const [words, change] of Object.entries(COPIES))
    it(`are injected again in another namespace: ${words}`, async () => {
      const made = await post('restored', copy(change));
      expect(secretsOf(made)).to.deep.equal(['web-again-landbridge']);
      expect(made.metadata.labels).to.include({ 'landbridge.dev/mesh-service': 'web-again' });
      const sidecars = (made.spec.initContainers ?? []).filter(({ name }) => name === SIDECAR_CONTAINER);
      expect(sidecars.map(({ image }) => image)).to.deep.equal(['landbridge/envoy:test']);
      const mounted = (sidecars[0]!.volumeMounts as { name: string }[]).map(({ name }) => name);
      expect((made.spec.volumes as { name: string }[]).map(({ name }) => name)).to.include.members(mounted);
    });

  it('leave no sidecar and no Secret where nobody selects them, however much of the injection they bring', async () => {
    for (const [words, change] of Object.entries(COPIES)) {
      const made = await post('empty', copy(change));
      expect([sidecarOf(made), secretsOf(made)], words).to.deep.equal([undefined, []]);
    }
  });

  it('find their upstream at the port that the new MeshService gives it, also when another webhook put its own before', async () => {
    const added = { name: 'DD_AGENT_HOST', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } };
    const made = await post(
      'restored',
      copy(({ spec }) => void spec.containers[0]!.env!.unshift(added as never)),
    );
    const addresses = made.spec.containers[0]!.env!.filter(({ name }) => name === 'ADD');
    expect(addresses).to.have.length(1);
    expect(addresses[0]!.value).to.match(/localhost:7171$/);
    expect(sidecarOf(made)!.env).to.deep.include({ name: 'LANDBRIDGE_VARIABLES', value: `ADD=${addresses[0]!.value}` });
  });

  it('are left alone when their runtime class is for nodes of Windows', async () => {
    const make = (name: string, nodeSelector: object) =>
      rig.kube.client.request('POST', '/apis/node.k8s.io/v1/runtimeclasses', {
        body: { metadata: { name }, handler: 'default', scheduling: { nodeSelector } },
      });
    await make('windows-2019', { 'kubernetes.io/os': 'windows', 'node.kubernetes.io/windows-build': '10.0.17763' });
    await make('gvisor', { sandbox: 'gvisor' });
    const plain = shop.plainPod('classed', 'web') as SomePod;
    const of = (runtimeClassName: string) =>
      eventually('the API server knows the class', 10_000, () =>
        post('shop', { ...plain, spec: { ...plain.spec, runtimeClassName } }),
      );
    expect(sidecarOf(await of('windows-2019'))).to.equal(undefined);
    expect(sidecarOf(await of('gvisor'))).to.be.an('object');
  });

  it('are admitted with any time to end, negative ones too', async () => {
    const seconds = async (terminationGracePeriodSeconds: number) => {
      const pod = copy(({ spec }) => {
        Object.assign(spec, { terminationGracePeriodSeconds, initContainers: undefined, volumes: undefined });
        delete spec.containers[0]!.lifecycle;
      }) as SomePod;
      const ownerReferences = original.metadata['ownerReferences' as never];
      const made = await post('shop', { ...pod, metadata: { name: 'ends', labels: { app: 'web' }, ownerReferences } });
      return (made.spec.containers[0]!.lifecycle as { preStop?: { sleep?: { seconds: number } } })?.preStop?.sleep
        ?.seconds;
    };
    const all: (number | undefined)[] = [];
    for (const time of [-30, -1, 0, 1, 2, 3, 10, 3600]) all.push(await seconds(time));
    expect(all).to.deep.equal([undefined, undefined, undefined, undefined, 1, 1, 5, 5]);
  });
});
