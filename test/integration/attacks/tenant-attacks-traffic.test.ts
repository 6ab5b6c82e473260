import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { configMaps, events, meshServices, pods, secrets, services } from '../../../clients/kube/resources.ts';
import { EVIL, type TenantScene, tenantScene } from '../../support/rigs/tenant-scene.ts';

/** Attacks of a hostile team by traffic, access, pods and Secrets. Joins that pin a protocol: operator-foreign.test.ts. */
describe("a hostile tenant and another team's traffic", function () {
  this.timeout(120_000);
  let scene: TenantScene;
  let atFirst: unknown;

  before(async function () {
    this.timeout(240_000);
    scene = await tenantScene();
    atFirst = await scene.victim();
  });
  after(() => scene?.stop());
  afterEach(async () => {
    expect(JSON.stringify(await scene.victim(), null, 1)).to.equal(JSON.stringify(atFirst, null, 1));
    await scene.clear();
  });

  const http = (traffic: object) => ({ protocol: 'http', traffic });
  const plainPod = (name: string, labels: object, more: object = {}, spec: object = {}): KubeObject => ({
    metadata: { name, namespace: EVIL, labels, ...more } as KubeObject['metadata'],
    spec: {
      containers: [{ name: 'app', image: 'app:1' }],
      automountServiceAccountToken: false,
      serviceAccountName: 'none',
      ...spec,
    },
  });
  const ready = (name: string, ip: string) =>
    scene.mallory.patchStatus(pods, name, EVIL, {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }],
    });

  for (const [what, spec, says] of [
    [
      'an expression that RE2 refuses',
      http({ routes: [{ name: 'a', pathRegex: '/(?=pay)', service: 'x' }] }),
      /regular expression|RE2|\(\?=/,
    ],
    [
      'an expression of a million states',
      http({ routes: [{ name: 'a', pathRegex: '/((a{100}){100}){100}', service: 'x' }] }),
      /repeat|large|expression/,
    ],
    ['back references', { protocol: 'http', access: [{ from: 'x', pathRegex: '/(a)\\1' }] }, /expression|escape/],
    [
      '100 routes',
      http({ routes: Array.from({ length: 100 }, () => ({ pathPrefix: '/a', service: 'x' })) }),
      /must have at most 32 items/,
    ],
    [
      '100 parts of a split',
      http({ split: Array.from({ length: 100 }, () => ({ weight: 1, service: 'payments' })) }),
      /must have at most 16 items/,
    ],
    [
      'a share above the whole',
      http({
        split: [
          { weight: 100, service: 'payments' },
          { weight: 100, subset: 'pods' },
        ],
      }),
      /add up to 100|100/,
    ],
    ['a fail over to itself', { traffic: { failover: [{ from: '*', to: ['service:till'] }] } }, /itself/],
    [
      'a fail over to a host',
      { traffic: { failover: [{ from: '*', to: ['service:pay.example:443'] }] } },
      /should match/,
    ],
    ['a selector of all pods', { workloads: { pods: { selector: {} } } }, /is empty and would select every pod/],
    ['the port of a sidecar', { port: 20000 }, /not one of .*20000/],
    [
      'a variable of the loader',
      { upstreams: [{ service: 'payments', localPort: 9000, env: 'A=B' }] },
      /should match|env/,
    ],
    ['a path that ends a line', { protocol: 'http', access: [{ from: 'x', path: '/a\r\nb' }] }, /should match|path/],
    ['an upstream that is no name', { upstreams: [{ service: 'payments.shop', localPort: 9000 }] }, /should match/],
    ['settings of another version', { mirror: [{ service: 'payments' }] }, /unknown field|mirror/],
  ] as const)
    it(`cannot have ${what}`, async () => {
      const attempt = scene.mallory.request('POST', `/apis/landbridge.dev/v1alpha1/namespaces/${EVIL}/meshservices`, {
        body: {
          ...{
            apiVersion: 'landbridge.dev/v1alpha1',
            kind: 'MeshService',
            metadata: { name: 'till', namespace: EVIL },
          },
          spec: { port: 8080, workloads: { pods: { selector: { matchLabels: { app: 'till' } } } }, ...spec },
        },
        query: { fieldValidation: 'Strict' },
      });
      expect(await scene.refused(attempt)).to.match(says);
    });

  it('cannot call it by a route, a split or a fail over: its rules name callers, and stay', async () => {
    const traffic = {
      routes: [{ name: 'a', pathPrefix: '/a', service: 'payments', rewritePrefix: '/' }],
      split: [{ weight: 100, service: 'payments' }],
      failover: [{ from: '*', to: ['service:payments'] }],
    };
    await scene.attack('till', http(traffic)).catch((error: Error) => expect(error.message).to.match(/split|routes/));
    await scene.attack('robber', { ...http(traffic), access: [{ from: '*' }] }).catch(() => undefined);
    const sources = (await scene.rig.consul.readConfig('service-intentions', 'payments'))?.entry['Sources'];
    expect(JSON.stringify(sources)).to.include('frontend').and.not.include('till').and.not.include('robber');
  });

  it('cannot make another wait by what it lacks: a reference of its own keeps itself only', async () => {
    await scene.attack('till', { traffic: { failover: [{ from: '*', to: ['service:never-there'] }] } });
    await scene.told('till', 'Synced', /ReferenceMissing: .*never-there/);
  });

  it('cannot make instances of it by labels and annotations of a pod', async () => {
    const labels = { 'landbridge.dev/mesh-service': 'payments', app: 'payments' };
    const annotations = { 'landbridge.dev/injected': 'true' };
    await scene.mallory.create(pods, plainPod('payments-1', labels, { annotations }));
    await ready('payments-1', '10.6.6.6');
    await scene.attack('till', { workloads: { pods: { selector: { matchLabels: { app: 'payments' } } } } });
    await scene.told('till', 'Injected', /PodsWithoutSidecar|NoPodsSelected|AllPodsInjected|Namespace/);
    const instances = await scene.rig.consul.health('payments');
    expect(instances.map(({ service }) => service.Address)).to.deep.equal(['10.0.0.1']);
    const slash = plainPod('other', { 'landbridge.dev/mesh-service': 'shop/payments' });
    expect(await scene.refused(scene.mallory.create(pods, slash))).to.match(/Invalid value: "shop\/payments"/);
  });

  it('cannot get its token: not by a Secret in a pod, nor by one that lies where the own one goes', async () => {
    const data = { token: Buffer.from('11111111-2222-3333-4444-555555555555').toString('base64') };
    await scene.mallory.create(secrets, { metadata: { name: 'till-landbridge', namespace: EVIL }, data } as KubeObject);
    await scene.attack('till');
    const words =
      /TokenUnavailable: Secret evil\/till-landbridge is in the place of the sidecars' own.*rename or delete it/;
    await scene.told('till', 'Synced', words);
    await scene.mallory.delete(secrets, 'till-landbridge', EVIL);
    // With the operator's mark, and the token of another.
    const marked = { labels: { 'app.kubernetes.io/managed-by': 'landbridge' }, annotations: {} };
    const held = await scene.rig.kube.client.get<KubeObject & { data: Record<string, string> }>(
      secrets,
      'payments-landbridge',
      'shop',
    );
    const annotations = held!.metadata.annotations;
    const stolen = { name: 'robber-landbridge', namespace: EVIL, ...marked, annotations };
    await scene.mallory.create(secrets, { metadata: stolen, data } as KubeObject);
    await scene.attack('robber');
    await scene.told('robber', 'Synced', /^Synced/);
    const made = await scene.rig.kube.client.get<KubeObject & { data: Record<string, string> }>(
      secrets,
      'robber-landbridge',
      EVIL,
    );
    const token = Buffer.from(made!.data['token']!, 'base64').toString();
    expect(made!.data['token']).to.not.equal(held!.data['token']);
    const robber = scene.rig.server.connect(token);
    try {
      const entry = { Kind: 'service-defaults' as const, Name: 'payments', Protocol: 'tcp', Meta: {} };
      const now = await scene.rig.consul.readConfig('service-defaults', 'payments');
      const [outcome] = await robber.apply([{ op: 'set-config', entry, modifyIndex: now!.modifyIndex }]);
      expect(outcome).to.include({ ok: false });
      expect((outcome as { error: string }).error).to.match(/Consul denied PUT .*service:write on "payments"|denied/);
    } finally {
      robber.close();
    }
    await scene.mallory.delete(secrets, 'robber-landbridge', EVIL);
  });

  it('cannot stop the webhook by a pod of 3,000 variables, nor by one of many containers', async () => {
    await scene.attack('till', { upstreams: [{ service: 'payments', localPort: 9191 }] });
    await scene.told('till', 'Synced', /^Synced/);
    const env = Array.from({ length: 3000 }, (_, index) => ({ name: `V${index}`, value: 'x' }));
    const containers = Array.from({ length: 40 }, (_, index) => ({
      name: `c${index}`,
      image: 'app:1',
      env: env.slice(0, 100),
    }));
    await scene.mallory.create(
      pods,
      plainPod('large', { app: 'till' }, {}, { containers: [{ name: 'app', image: 'a', env }] }),
    );
    await scene.mallory.create(pods, plainPod('many', { app: 'till' }, {}, { containers }));
    expect(scene.rig.operators.at(-1)!.running).to.equal(true);
    const probe = { ...scene.shop.plainPod('payments-9', 'payments') };
    const made = await scene.rig.kube.client.request<{ spec: { initContainers?: { name: string }[] } }>(
      'POST',
      '/api/v1/namespaces/shop/pods',
      { body: probe, query: { dryRun: 'All' } },
    );
    expect(made.spec.initContainers?.map(({ name }) => name)).to.deep.equal(['landbridge-sidecar']);
  });

  it('cannot lead names or words to itself by Services, ConfigMaps or Events', async () => {
    const spec = { type: 'ExternalName', externalName: 'evil.example' };
    await scene.mallory.create(services, { metadata: { name: 'payments', namespace: EVIL }, spec } as KubeObject);
    for (const name of ['landbridge-consul', 'coredns']) {
      const metadata = { name, namespace: EVIL };
      await scene.mallory.create(configMaps, {
        metadata,
        data: { Corefile: '. { forward . 10.6.6.6 }' },
      } as KubeObject);
    }
    const regarding = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'payments-5d8', namespace: 'shop', uid: '1' };
    const event = {
      ...{ metadata: { name: 'e1', namespace: EVIL }, regarding, reason: 'FailedCreate', type: 'Warning' },
      ...{ note: 'Error creating: forbidden', action: 'x', reportingController: 'x', reportingInstance: 'x' },
      eventTime: new Date().toISOString().replace('Z', '000Z'),
    };
    await scene.mallory.create(events, event as unknown as KubeObject);
    const other = { ...event, metadata: { name: 'e1', namespace: 'shop' } };
    expect(await scene.refused(scene.mallory.create(events, other as unknown as KubeObject))).to.match(/cannot create/);
    await scene.attack('till');
    await scene.told('till', 'Synced', /^Synced/);
    expect((await scene.shop.status('payments'))?.conditions?.find(({ type }) => type === 'Injected')).to.include({
      status: 'True',
    });
    await scene.mallory.delete(services, 'payments', EVIL);
  });

  it('cannot learn of the objects of the other team', async () => {
    expect(await scene.refused(scene.mallory.list(meshServices, { namespace: 'shop' }))).to.match(/cannot list/);
    expect(await scene.refused(scene.mallory.list(secrets, { namespace: 'landbridge' }))).to.match(/cannot list/);
  });
});
