import { generateKeyPairSync, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { ConsulUnavailable } from '../../../clients/consul/errors.ts';
import type { Transport } from '../../../clients/consul/transport.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { customResourceDefinitions, meshServices, namespaces } from '../../../clients/kube/resources.ts';
import { meshServiceCrd } from '../../../crds/custom-resource-definition.ts';
import { configureAcl } from '../../../operator/bootstrap/configure-acl.ts';
import { readEnvironment } from '../../../operator/environment.ts';
import { lead } from '../../../operator/lead.ts';
import { operatorMetrics } from '../../../operator/observe/metrics.ts';
import type { Queue } from '../../../operator/reconcile/queue.ts';
import { statusWriter } from '../../../operator/reconcile/status-writer.ts';
import { watchWorld } from '../../../operator/world/world.ts';
import { eventually } from '../../support/eventually.ts';
import { fakeConsul } from '../../support/fake-consul/fake-consul.ts';
import { type FakeKube, startFakeKube } from '../../support/fake-kube/fake-kube.ts';
import {
  NAME_LEFT_BEHIND,
  type Stage,
  happening,
  happens,
  leaveBehind,
  mustBeRight,
} from '../../support/rigs/stories/operator-story.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

interface StageOfFakes extends Stage {
  /** How often the operator has asked Consul whether anything has changed. */
  surveys(): number;
  stop(): Promise<void>;
}

/** The whole operator but its election and its webhook, on an API server and a Consul in this process. */
async function stageOfFakes(): Promise<StageOfFakes> {
  const kube: FakeKube = await startFakeKube();
  await kube.client.create(namespaces, { metadata: { name: 'shop', labels: { 'landbridge.dev/mesh': 'enabled' } } });
  await kube.client.create(customResourceDefinitions, meshServiceCrd() as unknown as KubeObject);
  const fake = fakeConsul({ acl: true });
  const managementToken = randomUUID();
  const consul = fake.connect(managementToken);
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const signingKeyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const holder = () => ({ accessorId: randomUUID(), token: randomUUID(), signingKeyPem });
  const operator = holder();
  const material = { consulCaPem: 'PEM', managementToken, server: holder(), operator, bridge: holder() };
  async function bootstrap(): Promise<void> {
    await consul.acl.bootstrap(managementToken);
    await configureAcl(consul.acl, { cluster: 'lab', tokenTtl: '1h' }, material);
  }
  await bootstrap();
  const files: Record<string, string> = { 'consul-ca.crt': 'PEM', 'signing.key': signingKeyPem };
  let state: 'there' | 'away' | 'frozen' = 'there';
  let asked = 0;
  // The administrator's requests go on while the operator's do not.
  const inner = fake.transport(operator.token);
  const server: Transport = {
    async send(request) {
      if (state === 'there') return inner.send(request);
      // Every other request still comes to a Consul that freezes, and is done, and nobody hears of it.
      if (state === 'frozen' && asked++ % 2 === 0) await inner.send(request).catch(() => undefined);
      throw new ConsulUnavailable('No Consul server answered');
    },
    close: inner.close,
  };
  const settings = readEnvironment({
    LANDBRIDGE_CONSUL_HTTP: 'fake:1',
    LANDBRIDGE_CONSUL_GRPC: 'fake:2',
    LANDBRIDGE_SIDECAR_IMAGE: 'envoy',
    LANDBRIDGE_VERIFY_SECONDS: '1',
    POD_NAME: 'operator-0',
    POD_NAMESPACE: 'landbridge',
  });
  let stop = new AbortController();
  async function start(): Promise<void> {
    stop = new AbortController();
    const { signal } = stop;
    const leading: { queue?: Queue } = {};
    const world = watchWorld({
      kube: kube.client,
      cluster: 'lab',
      onChange: (name) => leading.queue?.add(name),
      onStatus: (name, status) => void (statuses.isOwn(name, status) || leading.queue?.add(name)),
      signal,
      log: silent,
    });
    const statuses = statusWriter(kube.client, (name) => world.meshServices.get(name)?.status);
    await world.synced();
    const metrics = operatorMetrics();
    const file = (name: string): string => files[name]!;
    leading.queue = lead({
      settings,
      kube: kube.client,
      server,
      file,
      world,
      gatewayPods: undefined,
      statuses,
      metrics,
      signal,
      log: silent,
    }).queue;
  }
  await start();
  return {
    kube: kube.client,
    consul,
    consulAway: async () => void (state = 'away'),
    consulFrozen: async () => void (state = 'frozen'),
    consulBack: async () => void (state = 'there'),
    async consulEmpty() {
      fake.lose();
      await bootstrap();
      state = 'there';
    },
    kubeRestart: () => kube.restart(),
    surveys: () => fake.requests.filter((request) => request === 'GET /catalog/services').length,
    async operatorRestart() {
      stop.abort(new Error('restart'));
      await start();
    },
    async stop() {
      stop.abort(new Error('the end'));
      await kube.stop();
    },
  };
}

describe('the operator on fakes', function () {
  this.timeout(120_000);

  async function staged(story: (stage: StageOfFakes) => Promise<void>): Promise<void> {
    const stage = await stageOfFakes();
    try {
      await story(stage);
      await eventually('all is right', 15_000, async () => (await mustBeRight(stage), true), 20);
    } finally {
      await stage.stop();
    }
  }
  const declareB = { do: 'declare', name: 'b', service: 's3', protocol: 'http' } as const;

  it('gives a name up that an operator wrote under which died before it said so', () =>
    staged(async (stage) => {
      for (const one of NAME_LEFT_BEHIND) await happens(stage, one);
    }));

  it('removes at its start what an earlier life of it wrote under another name', () =>
    staged(async (stage) => {
      await happens(stage, declareB);
      await eventually('b has its name', 15_000, async () => (await mustBeRight(stage), true), 20);
      await leaveBehind(stage, 'b', 's2');
      await happens(stage, { do: 'operatorRestart' });
    }));

  it('removes what bears the mark of a MeshService that is gone, also while it runs', () =>
    staged(async (stage) => {
      await happens(stage, declareB);
      await leaveBehind(stage, 'a', 's1');
    }));

  it('removes the entries of a MeshService that goes without its finalizer while Consul is away', () =>
    staged(async (stage) => {
      await happens(stage, declareB);
      await eventually('b has its name', 15_000, async () => (await mustBeRight(stage), true), 20);
      // From the second look on, Consul is as it was compared, and nothing but indexes is read.
      const looked = stage.surveys();
      await eventually('Consul is compared', 15_000, () => stage.surveys() >= looked + 2, 20);
      await happens(stage, { do: 'consulAway' });
      await happens(stage, { do: 'remove', name: 'b' });
      await stage.kube.patchMerge(meshServices, 'b', 'shop', { metadata: { finalizers: null } });
      await happens(stage, { do: 'consulBack' });
    }));

  it('does not take for gone what its mirror does not show yet', () =>
    staged(async (stage) => {
      await happens(stage, { do: 'kubeRestart' });
      await happens(stage, { do: 'declare', name: 'a', service: 's1', protocol: 'http' });
      await eventually('a has its name', 15_000, async () => (await mustBeRight(stage), true), 20);
      await happens(stage, { do: 'operatorRestart' });
    }));

  it('is right after any story, as soon as what failed is back', async () => {
    const story = fc.array(happening, { minLength: 5, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(story, async (happenings) => {
        const stage = await stageOfFakes();
        try {
          for (const one of happenings) await happens(stage, one);
          await stage.consulBack();
          await eventually('all is right', 15_000, async () => (await mustBeRight(stage), true), 20);
        } finally {
          await stage.stop();
        }
      }),
      { numRuns: 12, endOnFailure: true, interruptAfterTimeLimit: 60_000 },
    );
  });
});
