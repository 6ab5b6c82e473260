import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import {
  meshServices,
  mutatingWebhookConfigurations,
  pods,
  replicaSets,
  secrets,
} from '../../../clients/kube/resources.ts';
import type { Pod } from '../../../crds/kubernetes.ts';
import { NAMESPACE, WEBHOOK_CONFIGURATION, WEBHOOK_SECRET } from '../../../mesh/installation/installation.ts';
import { SIDECAR_CONTAINER } from '../../../mesh/names/names.ts';
import { runInjector } from '../../../operator/admission/injector.ts';
import { operatorMetrics } from '../../../operator/observe/metrics.ts';
import { rotateCertificate } from '../../../operator/admission/webhook-certificate.ts';
import { watchWorld } from '../../../operator/world/world.ts';
import { openWebhook } from '../../../bench/rig/webhook-client.ts';
import { startChangingWebhook } from '../../support/rigs/changing-webhook.ts';
import { eventually } from '../../support/eventually.ts';
import { forgetOwners, refusedOwner } from '../../support/kube/refused-owner.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

type SomePod = KubeObject & Pod;

const DAY_MS = 86_400_000;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** The pods that a real API server makes of the webhook's answers, for every way in which a pod comes. */
describe('admissions', function () {
  this.timeout(120_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;

  before(async () => {
    rig = await startOperatorRig();
    shop = shopOf(rig);
    await rig.start();
    await shop.only('web', [], { protocol: 'http', upstreams: [{ service: 'add-svc', localPort: 9191, env: 'ADD' }] });
    await eventually('pods are admitted', 20_000, () => dryRun(shop.plainPod('first', 'web')));
  });
  after(() => rig?.stop());

  const post = (pod: object, query: Record<string, string> = {}): Promise<SomePod> =>
    rig.kube.client.request<SomePod>('POST', '/api/v1/namespaces/shop/pods', { body: pod, query });
  const dryRun = (pod: object): Promise<SomePod> => post(pod, { dryRun: 'All' });
  const podsThere = async (): Promise<string[]> =>
    (await rig.kube.client.list<KubeObject>(pods, { namespace: 'shop' })).items.map(({ metadata }) => metadata.name);
  const sidecarsOf = ({ spec }: SomePod): number =>
    (spec.initContainers ?? []).filter(({ name }) => name === SIDECAR_CONTAINER).length;

  const condition = async (name: string, type = 'Injected') =>
    (await shop.status(name))?.conditions?.find((one) => one.type === type);

  it('inject a pod that is only tried, and leave nothing of it', async () => {
    const made = await dryRun(shop.plainPod('tried', 'web'));
    expect(sidecarsOf(made)).to.equal(1);
    expect(made.spec.containers[0]!.env).to.deep.equal([{ name: 'ADD', value: 'http://localhost:9191' }]);
    expect(await podsThere()).to.deep.equal([]);
    expect(await rig.consul.health('web')).to.deep.equal([]);
  });

  it('inject a pod whose name the API server makes up, and hold it in Consul under that name', async () => {
    const { metadata, ...rest } = shop.plainPod('', 'web');
    const made = await post({ ...rest, metadata: { labels: metadata.labels, generateName: 'web-' } });
    expect(made.metadata.name).to.match(/^web-\w{5}$/);
    expect(sidecarsOf(made)).to.equal(1);
    await shop.setReady(made.metadata.name, true, '10.0.0.1');
    await shop.holds('it', 'web', { [made.metadata.name]: 'passing' });
    await shop.deletePod(made.metadata.name);
  });

  it('leave a pod alone that uses the host network, opted out, or that nobody selects', async () => {
    const plain = shop.plainPod('alone', 'web') as SomePod;
    const hostNetwork = { ...plain, spec: { ...plain.spec, hostNetwork: true } };
    const optedOut = {
      ...plain,
      metadata: { ...plain.metadata, labels: { app: 'web', 'landbridge.dev/inject': 'false' } },
    };
    for (const pod of [hostNetwork, optedOut, shop.plainPod('alone', 'nobody')]) {
      const made = await dryRun(pod);
      expect(sidecarsOf(made)).to.equal(0);
      expect(made.metadata.labels).not.to.have.property('landbridge.dev/mesh-service');
    }
  });

  it('give a pod that has its sidecar, as a copy of another has, no second one', async () => {
    const first = await dryRun(shop.plainPod('original', 'web'));
    const { labels, annotations } = first.metadata;
    const copy = await dryRun({ metadata: { name: 'copy', labels, annotations }, spec: first.spec });
    expect(sidecarsOf(copy)).to.equal(1);
    expect(copy.spec.containers[0]!.env).to.deep.equal(first.spec.containers[0]!.env);
  });

  it('give a pod that two MeshServices select to the older, and say so in the conditions of both', async () => {
    await eventually('web is walked', 20_000, async () => (await condition('web'))?.status === 'True');
    // Kubernetes tells ages by the second, and of two of one second the name decides.
    const { metadata } = (await rig.kube.client.get<KubeObject>(meshServices, 'web', 'shop'))!;
    const madeMs = Date.parse(metadata.creationTimestamp!);
    await eventually('web is older by a second', 5000, async () => Date.now() > madeMs + 1000);
    await shop.declare('a-shadow', { workloads: { pods: { selector: { matchLabels: { app: 'web' } } } } });
    const sentence = 'MeshServices web and a-shadow select the same pods';
    for (const name of ['web', 'a-shadow'])
      await eventually(`${name} says so`, 20_000, async () => {
        const { reason, message } = (await condition(name)) ?? {};
        return reason === 'SelectorsOverlap' && message?.includes(sentence);
      });
    const made = await dryRun(shop.plainPod('torn', 'web'));
    expect(made.metadata.labels).to.include({ 'landbridge.dev/mesh-service': 'web' });
    await shop.remove('a-shadow');
    await eventually('web is well again', 20_000, async () => (await condition('web'))?.status === 'True');
  });

  it('say that a limit range refuses the pods of a MeshService, in the words of the API server, until a pod is made', async () => {
    const { client } = rig.kube;
    await client.request('POST', '/api/v1/namespaces/shop/limitranges', {
      body: {
        metadata: { name: 'small' },
        spec: { limits: [{ type: 'Container', max: { memory: '64Mi' }, default: { memory: '64Mi' } }] },
      },
    });
    try {
      const refusal = await eventually('the API server refuses the pod', 10_000, () =>
        dryRun(shop.plainPod('web-5d8-abcde', 'web')).then(
          () => undefined,
          (error: Error) => error.message,
        ),
      );
      expect(refusal).to.contain('maximum memory usage per Container is 64Mi');
      await refusedOwner(client, replicaSets, { app: 'web' }, `Error creating: ${refusal}`);
      await eventually('its condition quotes it', 20_000, async () => {
        const { reason, message = '' } = (await condition('web')) ?? {};
        return (
          reason === 'PodsRefused' &&
          message.includes('ReplicaSet web-5d8 cannot make its pods') &&
          message.includes('maximum memory usage per Container is 64Mi') &&
          message.includes('spec.proxy.resources')
        );
      });
    } finally {
      await client.request('DELETE', '/api/v1/namespaces/shop/limitranges/small');
    }
    await eventually('a pod is made', 20_000, () =>
      shop.pod('made', 'web', '10.0.0.9').then(
        () => true,
        () => undefined,
      ),
    );
    await eventually('it is well again', 20_000, async () => (await condition('web'))?.reason === 'AllPodsInjected');
    await shop.deletePod('made');
    await forgetOwners(client, 'web-5d8');
  });

  it('are asked again when another webhook changes the pod after them, and change nothing more', async () => {
    const another = await startChangingWebhook(rig.kube.client, 'shop', [
      { op: 'add', path: '/spec/initContainers/0', value: { name: 'before-all', image: 'other:1' } },
    ]);
    try {
      const again = 'landbridge_admissions_total{decision="skip:AlreadyInjected"}';
      const operator = rig.operators.at(-1)!;
      const made = await eventually('both have changed it', 20_000, async () => {
        const before = await operator.metric(again);
        const pod = await dryRun(shop.plainPod('twice', 'web'));
        if (pod.spec.initContainers?.[0]?.name !== 'before-all') return undefined;
        expect(await operator.metric(again), 'how often it was asked again').to.equal(before + 1);
        return pod;
      });
      expect(made.spec.initContainers?.map(({ name }) => name)).to.deep.equal(['before-all', SIDECAR_CONTAINER]);
    } finally {
      await another.stop();
    }
  });

  it('let a pod of the mesh get an ephemeral container, and touch nothing of it', async () => {
    await shop.pod('debugged', 'web', '10.0.0.2');
    const read = () =>
      rig.kube.client.get<SomePod & { spec: { ephemeralContainers?: object[] } }>(pods, 'debugged', 'shop');
    const before = (await read())!;
    const ephemeralContainers = [{ name: 'look', image: 'busybox:1' }];
    await rig.kube.client.request('PATCH', '/api/v1/namespaces/shop/pods/debugged/ephemeralcontainers', {
      body: { spec: { ephemeralContainers } },
      contentType: 'application/strategic-merge-patch+json',
    });
    const { ephemeralContainers: added, ...spec } = (await read())!.spec;
    expect(added).to.have.length(1);
    expect(spec).to.deep.equal(before.spec);
    await shop.deletePod('debugged');
  });

  it('go on, every single one, while the CA and the certificate of the webhook are replaced', async () => {
    await rig.operators.at(-1)!.stop();
    await rig.kube.client.delete(secrets, WEBHOOK_SECRET, NAMESPACE);
    const { client } = rig.kube;
    /** The clock of the rotation: a CA of ten years is due after two thirds of them. */
    let aheadMs = -2440 * DAY_MS;
    const nowMs = (): number => Date.now() + aheadMs;
    const old = await rotateCertificate({ kube: client, namespace: NAMESPACE, nowMs });
    aheadMs = -30 * DAY_MS;
    const first = await rotateCertificate({ kube: client, namespace: NAMESPACE, nowMs });
    expect(first.bundle, 'only the certificate was due').to.equal(old.bundle);
    aheadMs = -8 * DAY_MS;

    const stop = new AbortController();
    const { signal } = stop;
    const world = watchWorld({ kube: client, cluster: 'lab', onChange() {}, onStatus() {}, signal, log: silent });
    await world.synced();
    const injector = await runInjector({
      kube: client,
      world,
      settings: { image: 'landbridge/envoy:test', imagePullPolicy: 'IfNotPresent' },
      namespace: NAMESPACE,
      port: rig.webhookPort,
      leads: () => true,
      metrics: operatorMetrics(),
      nowMs,
      random: Math.random,
      signal,
      log: silent,
    });
    const flow = startFlow();
    try {
      const trusted = async (): Promise<string[]> => {
        const held = await client.get<{ webhooks: { clientConfig: { caBundle: string } }[] }>(
          mutatingWebhookConfigurations,
          WEBHOOK_CONFIGURATION,
        );
        const bundle = Buffer.from(held!.webhooks[0]!.clientConfig.caBundle, 'base64').toString();
        return bundle.match(/BEGIN CERTIFICATE/g) ?? [];
      };
      const served = async (): Promise<string> =>
        (await client.get<{ data: Record<string, string> }>(secrets, WEBHOOK_SECRET, NAMESPACE))!.data['tls.crt']!;
      const before = await served();
      await flow.more(20);
      expect(await trusted()).to.have.length(1);

      aheadMs = 0;
      injector.refresh();
      await eventually('two CAs are trusted', 20_000, async () => (await trusted()).length === 2);
      expect(await served(), 'the certificate stays until both are trusted').to.equal(before);
      await flow.more(20);

      aheadMs = 61_000;
      injector.refresh();
      await eventually('a new certificate is served', 20_000, async () => (await served()) !== before);
      await flow.more(20);
    } finally {
      await flow.stop();
      // A restarted API server has no connection left from before.
      await rig.kube.restart();
      const last = await dryRun(shop.plainPod('last', 'web')).catch((error: Error) => error.message);
      stop.abort(new Error('the end'));
      await injector.webhook.close();
      expect(last).to.have.property('kind', 'Pod');
    }
    expect(flow.refused).to.deep.equal([]);
  });

  /** Pods through the API server, and reviews over new connections that trust the CA bundle of the API server, without a pause. */
  function startFlow() {
    const refused: string[] = [];
    let admitted = 0;
    let going = true;
    const turn = async (task: () => Promise<unknown>): Promise<void> => {
      while (going) {
        try {
          await task();
          admitted++;
        } catch (error) {
          refused.push((error as Error).message);
        }
      }
    };
    const throughServer = async (): Promise<void> => {
      const made = await dryRun(shop.plainPod('flow', 'web'));
      if (sidecarsOf(made) !== 1) throw new Error('a pod got no sidecar');
    };
    const overNewConnection = async (): Promise<void> => {
      const webhook = await openWebhook(rig.kube.client, rig.webhookPort);
      await webhook.review('web', 'new').finally(() => webhook.close());
    };
    const turns = [turn(throughServer), turn(throughServer), turn(overNewConnection)];
    return {
      refused,
      /** Resolves after so many more. */
      async more(count: number): Promise<void> {
        const until = admitted + count;
        await eventually(`${count} more are admitted`, 30_000, () => refused.length > 0 || admitted >= until);
      },
      async stop(): Promise<void> {
        going = false;
        await Promise.all(turns);
      },
    };
  }
});
