import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { customResourceDefinitions, meshServices, namespaces, pods, secrets } from '../../../clients/kube/resources.ts';
import type { Consul } from '../../../clients/consul/consul.ts';
import { meshServiceCrd } from '../../../crds/custom-resource-definition.ts';
import type { MeshServiceSpecInput, MeshServiceStatus } from '../../../crds/mesh-service.ts';
import { OWNER_META } from '../../../mesh/catalog/entry.ts';
import { configureAcl } from '../../../operator/bootstrap/configure-acl.ts';
import { runOperator } from '../../../operator/main.ts';
import { eventually } from '../../support/eventually.ts';
import { type RealConsul, startConsul } from '../../support/real/consul.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';

/**
 * The operator on a real API server and a real Consul with ACLs and TLS. Without a kubelet the test writes the pods and their status, as a kubelet would.
 */
describe('the operator', function () {
  this.timeout(120_000);
  let kube: RealKube;
  let server: RealConsul;
  let consul: Consul;
  let directory: string;
  let ports: number[];
  let running: { stop: AbortController; done: Promise<void> } | undefined;

  before(async () => {
    [kube, server] = await Promise.all([startApiServer(), startConsul({ acl: true, tls: true })]);
    consul = server.connect();
    directory = await mkdtemp(join(tmpdir(), 'landbridge-operator-'));
    const key = (): string =>
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const holder = () => ({ accessorId: randomUUID(), token: randomUUID(), signingKeyPem: key() });
    const operator = holder();
    const material = {
      consulCaPem: server.caPem!,
      managementToken: server.token!,
      server: holder(),
      operator,
      bridge: holder(),
    };
    await configureAcl(consul.acl, { cluster: 'lab', tokenTtl: '1h' }, material);
    await writeFile(join(directory, 'consul-token'), operator.token);
    await writeFile(join(directory, 'consul-ca.crt'), server.caPem!);
    await writeFile(join(directory, 'signing.key'), operator.signingKeyPem);
    await kube.client.create(namespaces, { metadata: { name: 'landbridge' } });
    await kube.client.create(namespaces, { metadata: { name: 'shop', labels: { 'landbridge.dev/mesh': 'enabled' } } });
    await kube.client.create(customResourceDefinitions, meshServiceCrd() as unknown as KubeObject);
    await eventually('the kind is served', 20_000, async () => (await kube.client.list(meshServices)) !== undefined);
    ports = await freePorts(2);
    process.env.KUBECONFIG = kube.kubeconfig;
    startOperator();
  });
  after(async () => {
    await stopOperator();
    delete process.env.KUBECONFIG;
    consul?.close();
    await Promise.all([kube?.stop(), server?.stop()]);
    await rm(directory, { recursive: true, force: true });
  });

  function startOperator(): void {
    const stop = new AbortController();
    const env = {
      LANDBRIDGE_CONSUL_HTTP: server.address,
      LANDBRIDGE_CONSUL_GRPC: server.grpcAddress,
      LANDBRIDGE_SECRETS: directory,
      LANDBRIDGE_SIDECAR_IMAGE: 'landbridge/envoy:test',
      LANDBRIDGE_LOG_LEVEL: 'error',
      LANDBRIDGE_VERIFY_SECONDS: '1',
      LANDBRIDGE_WEBHOOK_PORT: `${ports[0]}`,
      LANDBRIDGE_PROBE_PORT: `${ports[1]}`,
      POD_NAME: 'operator-0',
      POD_NAMESPACE: 'landbridge',
    };
    running = { stop, done: runOperator(env, stop.signal) };
    running.done.catch(() => undefined);
  }
  async function stopOperator(): Promise<void> {
    running?.stop.abort();
    await running?.done;
    running = undefined;
  }

  const declare = (name: string, spec: Partial<MeshServiceSpecInput> = {}): Promise<KubeObject> =>
    kube.client.apply(meshServices, {
      metadata: { name, namespace: 'shop' },
      spec: { port: 8080, workloads: { pods: { selector: { matchLabels: { app: name } } } }, ...spec },
    });
  const aPod = async (name: string, meshService: string, ip: string): Promise<void> => {
    await kube.client.create(pods, {
      metadata: {
        name,
        namespace: 'shop',
        labels: { app: meshService, 'landbridge.dev/mesh-service': meshService },
        annotations: { 'landbridge.dev/injected': 'true' },
      },
      spec: {
        containers: [{ name: 'app', image: 'app:1' }],
        automountServiceAccountToken: false,
        serviceAccountName: 'none',
      },
    });
    await setReady(name, 'True', ip);
  };
  const setReady = (name: string, status: 'True' | 'False', ip: string): Promise<KubeObject> =>
    kube.client.patchStatus(pods, name, 'shop', {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status, lastTransitionTime: new Date().toISOString() }],
    });
  const healthOf = async (service: string): Promise<Record<string, string>> =>
    Object.fromEntries((await consul.health(service)).map(({ service: { ID }, status }) => [ID, status]));
  const statusOf = async (name: string): Promise<MeshServiceStatus | undefined> =>
    (await kube.client.get<KubeObject & { status?: MeshServiceStatus }>(meshServices, name, 'shop'))?.status;
  const holds = (what: string, service: string, expected: Record<string, string>): Promise<true> =>
    eventually(
      what,
      15_000,
      async () => {
        expect(await healthOf(service)).to.deep.equal(expected);
        return true as const;
      },
      20,
    );

  it('brings a MeshService and its pods into Consul, keeps their Secret, and says so', async () => {
    await declare('web', { protocol: 'http', access: [{ from: 'edge' }] });
    await aPod('web-1', 'web', '10.0.0.1');
    await aPod('web-2', 'web', '10.0.0.2');
    await holds('both pods', 'web', { 'web-1': 'passing', 'web-2': 'passing' });
    const status = await eventually('a status', 10_000, async () => {
      const found = await statusOf('web');
      return found?.pods === '2/2' ? found : undefined;
    });
    expect(status.conditions?.map(({ type, status: is }) => [type, is])).to.deep.equal([
      ['Ready', 'True'],
      ['Synced', 'True'],
      ['Injected', 'True'],
      // Permissive: this installation has no mark.
      ['Enforced', 'False'],
      // No service is called edge.
      ['NamesMet', 'False'],
    ]);
    const secret = (await kube.client.get<KubeObject & { data: Record<string, string> }>(
      secrets,
      'web-landbridge',
      'shop',
    ))!;
    expect(Object.keys(secret.data).sort()).to.deep.equal(['bootstrap.json', 'ca.json', 'token', 'token.json']);
    const token = Buffer.from(secret.data.token!, 'base64').toString();
    // With the pod's token one may read one's own service, and write nobody's node.
    const own = server.connect(token);
    expect(await own.health('web')).to.have.length(2);
    const foreign = { Node: 'k8s.lab.shop.web', Address: '127.0.0.1', Meta: {} };
    const [outcome] = await own.apply([{ op: 'set-node', node: foreign }]);
    expect(outcome?.ok).to.equal(false);
    own.close();
  });

  it('follows readiness, and lets a pod go when it is gone', async () => {
    await setReady('web-1', 'False', '10.0.0.1');
    await holds('the flip', 'web', { 'web-1': 'critical', 'web-2': 'passing' });
    await setReady('web-1', 'True', '10.0.0.1');
    await holds('the flip back', 'web', { 'web-1': 'passing', 'web-2': 'passing' });
    await kube.client.delete(pods, 'web-1', 'shop', { gracePeriodSeconds: 0 });
    await holds('the deletion', 'web', { 'web-2': 'passing' });
  });

  it('repairs what somebody deleted by hand', async () => {
    await consul.apply([{ op: 'delete-node', node: 'k8s.lab.shop.web' }]);
    await holds('the repair', 'web', { 'web-2': 'passing' });
  });

  it('writes nothing when it is started again and nothing changed', async () => {
    await stopOperator();
    const before = await consul.readNode('k8s.lab.shop.web');
    const index = (await consul.readConfig('service-defaults', 'web'))?.modifyIndex;
    startOperator();
    await eventually(
      'it serves',
      20_000,
      async () => (await fetch(`http://127.0.0.1:${ports[1]}/readyz`)).ok || undefined,
    );
    await declare('marker');
    await eventually('it leads', 30_000, async () => (await statusOf('marker')) !== undefined || undefined);
    expect(await consul.readNode('k8s.lab.shop.web')).to.deep.equal(before);
    expect((await consul.readConfig('service-defaults', 'web'))?.modifyIndex).to.equal(index);
  });

  it('touches nothing of a foreign owner, and names it', async () => {
    const entry = {
      Kind: 'service-defaults',
      Name: 'taken',
      Protocol: 'tcp',
      Meta: { [OWNER_META]: 'somebody' },
    } as const;
    await consul.apply([{ op: 'set-config', entry, modifyIndex: 0 }]);
    await declare('taken', { protocol: 'http' });
    const condition = await eventually('the conflict is said', 15_000, async () =>
      (await statusOf('taken'))?.conditions?.find(({ type, status }) => type === 'Ready' && status === 'False'),
    );
    expect(condition).to.include({ reason: 'NameOwnedByAnother' });
    expect(condition.message).to.contain('somebody');
    expect((await consul.readConfig('service-defaults', 'taken'))?.entry).to.deep.equal(entry);
  });

  it('gives no token for a name that another owns', async () => {
    expect(await kube.client.get(secrets, 'taken-landbridge', 'shop')).to.equal(undefined);
  });

  it('makes a sidecar Secret again that somebody deleted: soon when a pod waits for it, else in its turn', async () => {
    const isThere = (deadlineMs: number): Promise<unknown> =>
      eventually('it is there again', deadlineMs, async () => kube.client.get(secrets, 'web-landbridge', 'shop'));
    await kube.client.delete(secrets, 'web-landbridge', 'shop');
    // Twenty periods of a second at most.
    await isThere(40_000);
    await setReady('web-2', 'False', '10.0.0.2');
    await holds('a pod that waits', 'web', { 'web-2': 'critical' });
    await kube.client.delete(secrets, 'web-landbridge', 'shop');
    await isThere(10_000);
    await setReady('web-2', 'True', '10.0.0.2');
    await holds('the pod as before', 'web', { 'web-2': 'passing' });
  });

  it('lets go of a pod whose label was taken off', async () => {
    await kube.client.patchMerge(pods, 'web-2', 'shop', { metadata: { labels: { app: null } } });
    await holds('nobody', 'web', {});
    await kube.client.patchMerge(pods, 'web-2', 'shop', { metadata: { labels: { app: 'web' } } });
    await holds('the pod again', 'web', { 'web-2': 'passing' });
  });

  it('leaves nothing under the old name of a renamed MeshService, and foreign finalizers alone', async () => {
    await declare('old-name');
    await eventually('the claim', 10_000, async () => consul.readConfig('service-defaults', 'old-name'));
    const other = { metadata: { finalizers: ['landbridge.dev/consul', 'example.com/keep'] } };
    await kube.client.patchMerge(meshServices, 'old-name', 'shop', other);
    await declare('old-name', { service: 'new-name' });
    await eventually('the new claim', 10_000, async () => consul.readConfig('service-defaults', 'new-name'));
    await eventually('the old one is gone', 10_000, async () =>
      (await consul.readConfig('service-defaults', 'old-name')) === undefined ? true : undefined,
    );
    await kube.client.delete(meshServices, 'old-name', 'shop');
    const left = await eventually('ours is taken off', 10_000, async () => {
      const held = await kube.client.get<KubeObject>(meshServices, 'old-name', 'shop');
      return held?.metadata.finalizers?.includes('landbridge.dev/consul') ? undefined : held;
    });
    expect(left.metadata.finalizers).to.deep.equal(['example.com/keep']);
    expect(await consul.readConfig('service-defaults', 'new-name')).to.equal(undefined);
    await kube.client.patchMerge(meshServices, 'old-name', 'shop', { metadata: { finalizers: null } });
  });

  it('keeps a deleted MeshService until Consul, which is away, has removed its entries', async () => {
    await server.goDown();
    await kube.client.delete(meshServices, 'web', 'shop');
    await eventually('the object waits', 5_000, async () => {
      const held = await kube.client.get<KubeObject>(meshServices, 'web', 'shop');
      return held?.metadata.deletionTimestamp === undefined ? undefined : true;
    });
    await server.comeBack();
    await eventually('the object is gone', 20_000, async () =>
      (await kube.client.get(meshServices, 'web', 'shop')) === undefined ? true : undefined,
    );
    expect(await healthOf('web')).to.deep.equal({});
    expect(await consul.readConfig('service-defaults', 'web')).to.equal(undefined);
    expect(await consul.readConfig('service-intentions', 'web')).to.equal(undefined);
    expect(await kube.client.get(secrets, 'web-landbridge', 'shop')).to.equal(undefined);
  });

  it('is right within seconds after Consul was away while pods flipped', async () => {
    await declare('busy');
    await aPod('busy-1', 'busy', '10.0.1.1');
    await holds('the pod', 'busy', { 'busy-1': 'passing' });
    await server.goDown();
    for (const status of ['False', 'True', 'False'] as const) await setReady('busy-1', status, '10.0.1.1');
    await server.comeBack();
    await holds('the last of the flips', 'busy', { 'busy-1': 'critical' });
  });

  it('says that calls are refused as long as the other side does not let them in', async () => {
    await declare('till');
    await declare('guest', { upstreams: [{ service: 'till', localPort: 9191 }] });
    const told = async () => (await statusOf('guest'))?.conditions?.find(({ type }) => type === 'NamesMet');
    const refused = await eventually('the condition', 15_000, told);
    expect(refused).to.include({ status: 'False', reason: 'CallRefused' });
    expect(refused.message).to.contain('add { from: guest } to spec.access of MeshService shop/till');
    await declare('till', { access: [{ from: 'guest' }] });
    await eventually('it is over', 5000, async () => (await told()) === undefined);
    await declare('till', { access: [] });
    await eventually('it is there again', 5000, async () => (await told())?.reason === 'CallRefused');
    for (const name of ['guest', 'till']) await kube.client.delete(meshServices, name, 'shop');
  });

  it('answers admissions from memory while Consul and the API server are away', async () => {
    const ca = Buffer.from(
      (await kube.client.get<KubeObject & { data: Record<string, string> }>(
        secrets,
        'landbridge-webhook-cert',
        'landbridge',
      ))!.data['ca.crt']!,
      'base64',
    ).toString();
    await Promise.all([server.goDown(), kube.goDown()]);
    try {
      const pod = {
        metadata: { generateName: 'busy-', labels: { app: 'busy' } },
        spec: { containers: [{ name: 'app' }] },
      };
      const answer = await review(ports[0]!, ca, pod);
      expect(answer.response).to.include({ uid: 'u', allowed: true, patchType: 'JSONPatch' });
      expect(Buffer.from(answer.response.patch, 'base64').toString()).to.contain('landbridge-sidecar');
    } finally {
      await Promise.all([server.comeBack(), kube.comeBack()]);
    }
  });
});

interface Review {
  response: { uid: string; allowed: boolean; patchType: string; patch: string };
}

/** As the API server asks: over TLS, trusting only the operator's CA, by the Service's name. */
function review(port: number, ca: string, object: object): Promise<Review> {
  const body = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u', kind: { kind: 'Pod' }, namespace: 'shop', operation: 'CREATE', object },
  };
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, ca, servername: 'landbridge-webhook.landbridge.svc', path: '/mutate', method: 'POST' },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve(JSON.parse(text) as Review));
      },
    );
    asked.on('error', reject);
    asked.end(JSON.stringify(body));
  });
}
