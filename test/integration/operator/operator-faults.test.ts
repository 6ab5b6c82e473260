import { expect } from 'chai';
import { events, secrets } from '../../../clients/kube/resources.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { type Counter, startCounter } from '../../../bench/gate/counter.ts';
import { openWebhook } from '../../../bench/rig/webhook-client.ts';
import { OPERATOR_LEASE } from '../../../mesh/installation/installation.ts';
import { leases, meshServices, pods } from '../../../clients/kube/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';
import { freePorts } from '../../support/real/consul-ports.ts';

/** Faults around the operator, on real parts. Each story ends in the right state, and no story leaks a token. */
describe('the operator under faults', function () {
  this.timeout(120_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;
  /** Every secret that the stories met, to look for at the end. */
  const told = new Set<string>();

  before(async () => {
    rig = await startOperatorRig();
    shop = shopOf(rig);
    await rig.start();
    const { managementToken, server, operator, bridge } = rig.material;
    for (const secret of [managementToken, server!.token, operator.token, bridge.token]) told.add(secret);
    for (const { signingKeyPem } of [operator, bridge]) told.add(keyLine(signingKeyPem));
  });
  beforeEach(async () => {
    await rig.settle();
    await shop.only('web', ['web-1', 'web-2'], { protocol: 'http', access: [{ from: 'edge' }] });
  });
  after(() => rig?.stop());

  /** A second replica, which the API server does not know of. */
  const replica = async (name: string, env: Record<string, string> = {}) => {
    const [port] = await freePorts(1);
    return rig.start({ POD_NAME: name, LANDBRIDGE_WEBHOOK_PORT: `${port}`, ...env }, 'serves');
  };
  const tokenOf = async (meshService: string): Promise<string> => {
    const found = await rig.kube.client.get<KubeObject & { data: Record<string, string> }>(
      secrets,
      `${meshService}-landbridge`,
      'shop',
    );
    const token = Buffer.from(found?.data.token ?? '', 'base64').toString();
    if (token !== '') told.add(token);
    return token;
  };
  const holder = async (): Promise<string> => {
    const lease = await rig.kube.client.get<KubeObject & { spec: { holderIdentity: string } }>(
      leases,
      OPERATOR_LEASE,
      'landbridge',
    );
    return lease?.spec.holderIdentity ?? '';
  };

  it('is right soon after Consul was killed while pods flipped', async () => {
    await rig.server.kill();
    await shop.setReady('web-1', false, '10.0.0.1');
    await shop.setReady('web-2', false, '10.0.0.2');
    await shop.setReady('web-2', true, '10.0.0.2');
    await shop.condition('web', 'Synced', 'ConsulUnavailable');
    await rig.server.comeBack();
    await shop.holds('the last of the flips', 'web', { 'web-1': 'critical', 'web-2': 'passing' });
    await shop.condition('web', 'Synced', 'Synced');
  });

  it('admits pods while Consul is frozen, and registers them when it moves again', async () => {
    rig.server.pause();
    try {
      await shop.pod('web-3', 'web', '10.0.0.3');
      const made = await rig.kube.client.get<KubeObject>(pods, 'web-3', 'shop');
      expect(made?.metadata.labels).to.include({ 'landbridge.dev/mesh-service': 'web' });
      await shop.deletePod('web-2');
    } finally {
      rig.server.resume();
    }
    await shop.holds('one more and one less', 'web', { 'web-1': 'passing', 'web-3': 'passing' });
  });

  it('writes everything again, with tokens that hold, when Consul comes back with nothing', async () => {
    const lost = await tokenOf('web');
    await rig.server.goDown();
    // The status no longer says that all is in order: it must not take that to know what was lost.
    await shop.setReady('web-1', false, '10.0.0.1');
    await shop.condition('web', 'Synced', 'ConsulUnavailable');
    await shop.setReady('web-1', true, '10.0.0.1');
    await rig.server.comeBackEmpty();
    await rig.bootstrapConsul();
    await shop.holds('all', 'web', { 'web-1': 'passing', 'web-2': 'passing' }, 30_000);
    expect((await rig.consul.readConfig('service-intentions', 'web'))?.entry).to.deep.include({ Name: 'web' });
    const token = await eventually('another token', 20_000, async () => {
      const held = await tokenOf('web');
      return held !== lost ? held : undefined;
    });
    const pod = rig.server.connect(token);
    expect(await pod.health('web')).to.have.length(2);
    pod.close();
  });

  it('goes on after the API server was restarted while things changed', async () => {
    await rig.kube.restart();
    await shop.setReady('web-1', false, '10.0.0.1');
    await shop.deletePod('web-2');
    await shop.holds('the changes', 'web', { 'web-1': 'critical' }, 40_000);
    await shop.setReady('web-1', true, '10.0.0.1');
    await shop.holds('the next change', 'web', { 'web-1': 'passing' });
  });

  it('changes nothing while the API server is frozen, and forgets nothing', async () => {
    rig.kube.pause();
    try {
      await rig.consul.apply([{ op: 'delete-service', node: 'k8s.lab.shop.web', id: 'web-2', service: 'web' }]);
      // The operator repairs from memory, without the API server.
      await shop.holds('the repair', 'web', { 'web-1': 'passing', 'web-2': 'passing' });
    } finally {
      rig.kube.resume();
    }
    await shop.setReady('web-2', false, '10.0.0.2');
    await shop.holds('the next flip', 'web', { 'web-1': 'passing', 'web-2': 'critical' });
  });

  it('hands over on SIGTERM without waiting for the lease, all replicas serving the webhook all the time', async () => {
    const first = rig.operators.at(-1)!;
    const second = await replica('operator-1');
    expect(await second.leads()).to.equal(false);
    for (const { webhookPort } of [first, second]) {
      const webhook = await openWebhook(rig.kube.client, webhookPort);
      await webhook.review('web', 'new').finally(() => webhook.close());
    }
    first.kill('SIGTERM');
    // The lease lasts 15 s, so a wait for its end is too late.
    await eventually('the other leads', 12_000, () => second.leads());
    expect(await first.ended).to.equal(0);
    expect(await holder()).to.match(/^operator-1_/);
    await shop.setReady('web-1', false, '10.0.0.1');
    await shop.holds('a flip by the new leader', 'web', { 'web-1': 'critical', 'web-2': 'passing' });
  });

  it('finishes what a leader left that was killed in the middle of a write, and admits pods before another leads', async () => {
    const [leader] = rig.operators.slice(-1);
    // The gate between this leader and Consul lets just ten registrations through.
    const { tls, address, caPem, serverName } = rig.server;
    const consulPort = Number(address.split(':')[1]);
    const counter: Counter = await startCounter({ ...tls!, consulPort, consulCaPem: caPem!, serverName });
    try {
      const doomed = await replica('operator-2', { LANDBRIDGE_CONSUL_HTTP: `127.0.0.1:${counter.port}` });
      await leader!.stop();
      await eventually('the doomed one leads', 20_000, () => doomed.leads());
      const next = await rig.start({}, 'serves');
      // Sidecars with upstreams are registered by a request each.
      await shop.declare('crowd', { upstreams: [{ service: 'web', localPort: 9191 }] });
      await shop.condition('crowd', 'Synced', 'Synced');
      const names = Array.from({ length: 40 }, (_, index) => `crowd-${index}`);
      const inTheMiddle = counter.holdAfter(10, 'PUT /v1/catalog/register');
      await Promise.all([inTheMiddle, ...names.map((name, index) => shop.pod(name, 'crowd', `10.0.2.${index}`))]);
      doomed.kill('SIGKILL');
      await eventually('what was let through is there', 10_000, async () => {
        expect(Object.keys(await shop.health('crowd-sidecar-proxy'))).to.have.length(10);
        return true;
      });
      await shop.pod('crowd-40', 'crowd', '10.0.2.40');
      const made = await rig.kube.client.get<KubeObject>(pods, 'crowd-40', 'shop');
      expect(made?.metadata.labels).to.include({ 'landbridge.dev/mesh-service': 'crowd' });
      await eventually('the next one leads', 40_000, () => next.leads());
      const all = [...names, 'crowd-40'];
      const passing = (suffix: string) => Object.fromEntries(all.map((name) => [`${name}${suffix}`, 'passing']));
      await shop.holds('all of them', 'crowd', passing(''), 30_000);
      await shop.holds('their sidecars', 'crowd-sidecar-proxy', passing('-sidecar'), 30_000);
      await shop.remove('crowd');
      await eventually('it is gone', 30_000, async () => (await shop.status('crowd')) === undefined);
      expect(await rig.consul.readNode('k8s.lab.shop.crowd')).to.equal(undefined);
    } finally {
      await counter.close();
    }
  });

  it('does nothing in Consul for a second cluster of the same name, says what to do, and lets its MeshServices go', async () => {
    const other = await startOperatorRig({ sharing: rig });
    try {
      const theirs = shopOf(other);
      const before = await rig.consul.readNode('k8s.lab.shop.web');
      await other.start({ POD_NAME: 'stranger-0' });
      await theirs.declare('web');
      await theirs.declare('their-own');
      for (const name of ['web', 'their-own']) {
        const { message } = await theirs.condition(name, 'Ready', 'ClusterNameTaken');
        expect(message).to.match(/give this cluster another name/);
      }
      await theirs.remove('web');
      await eventually('it is let go', 20_000, async () => (await theirs.status('web')) === undefined);
      expect(await rig.consul.readNode('k8s.lab.shop.web')).to.deep.equal(before);
      expect(await rig.consul.readConfig('service-defaults', 'their-own')).to.equal(undefined);
      expect(await other.kube.client.get(secrets, 'their-own-landbridge', 'shop')).to.equal(undefined);
      rig.operators.push(...other.operators);
    } finally {
      await other.stop();
    }
  });

  it('touches nothing of others in any place where its own would go', async () => {
    const Meta = { 'landbridge-owner': 'somebody' };
    const registration = {
      service: { ID: 'theirs-1', Service: 'theirs', Address: '10.9.9.9', Port: 80, Tags: [], Meta: {} },
      checks: [],
    };
    const theirNode = { Node: 'k8s.lab.shop.theirs', Address: '10.9.9.9', Meta };
    const defaults = { Kind: 'service-defaults', Name: 'theirs-too', Protocol: 'tcp', Meta } as const;
    const intentions = {
      Kind: 'service-intentions',
      Name: 'theirs-three',
      Sources: [{ Name: 'edge', Action: 'allow' }],
      Meta,
    } as const;
    await rig.consul.apply([
      { op: 'set-node', node: theirNode },
      { op: 'register', node: theirNode, registration },
      { op: 'set-config', entry: defaults, modifyIndex: 0 },
      { op: 'set-config', entry: intentions, modifyIndex: 0 },
    ]);
    const data = { password: Buffer.from('theirs').toString('base64') };
    const metadata = { name: 'theirs-four-landbridge', namespace: 'shop' };
    const secret = await rig.kube.client.create(secrets, { metadata, data });
    const look = async () => [
      await rig.consul.readNode(theirNode.Node),
      await rig.consul.readConfig('service-defaults', 'theirs-too'),
      await rig.consul.readConfig('service-intentions', 'theirs-three'),
      await rig.kube.client.get(secrets, metadata.name, 'shop'),
    ];
    const before = await look();
    const names = ['theirs', 'theirs-too', 'theirs-three'];
    for (const name of names) await shop.declare(name, { protocol: 'http', access: [{ from: 'web' }] });
    await shop.declare('theirs-four');
    for (const name of names) {
      const { message } = await shop.condition(name, 'Ready', 'NameOwnedByAnother');
      expect(message).to.contain('somebody');
    }
    const { message } = await shop.condition('theirs-four', 'Synced', 'TokenUnavailable');
    expect(message).to.contain('rename or delete it');
    for (const name of [...names, 'theirs-four']) {
      await shop.remove(name);
      await eventually(`${name} is gone`, 20_000, async () => (await shop.status(name)) === undefined);
    }
    expect(await look()).to.deep.equal(before);
    expect(secret.metadata.uid).to.equal((before[3] as KubeObject).metadata.uid);
    expect((await rig.consul.readConfig('service-defaults', 'theirs-three'))?.entry).to.equal(undefined);
  });

  it('follows a MeshService that gets another name, other pods, no pods, and refuses an empty selector', async () => {
    await shop.declare('old', { workloads: { pods: { selector: { matchLabels: { app: 'moved' } } } } });
    await shop.condition('old', 'Synced', 'Synced');
    await shop.pod('moved-1', 'moved', '10.0.3.1');
    await shop.holds('the pod', 'old', { 'moved-1': 'passing' });
    // Another object of another name: the pods belong to it as soon as they are made again.
    await shop.remove('old');
    await eventually('it is gone', 20_000, async () => (await shop.status('old')) === undefined);
    expect(await shop.health('old')).to.deep.equal({});
    await shop.declare('new', { workloads: { pods: { selector: { matchLabels: { app: 'moved' } } } } });
    await shop.condition('new', 'Synced', 'Synced');
    await shop.pod('moved-2', 'moved', '10.0.3.2');
    await shop.holds('the new pod', 'new', { 'moved-2': 'passing' });
    await shop.declare('new', { workloads: { pods: { selector: { matchLabels: { app: 'others' } } } } });
    await shop.holds('nobody', 'new', {});
    const without = { spec: { workloads: { pods: { selector: { matchLabels: null } } } } };
    const empty = await rig.kube.client.patchMerge(meshServices, 'new', 'shop', without).catch((error: Error) => error);
    expect((empty as Error).message).to.contain('selector is empty and would select every pod');
    await shop.declare('new', { workloads: { external: { sites: ['rack-1'] } } });
    await shop.condition('new', 'Injected', 'NoPodsSelected');
    await rig.server.goDown();
    await shop.remove('new');
    await rig.server.comeBack();
    await eventually('it is gone', 30_000, async () => (await shop.status('new')) === undefined);
    expect(await rig.consul.readConfig('service-defaults', 'new')).to.equal(undefined);
    expect(await rig.consul.readNode('k8s.lab.shop.new')).to.equal(undefined);
  });

  it('tells no token and no key in logs, events or status', async () => {
    await tokenOf('web');
    const logs = rig.operators.map((operator) => operator.log()).join('\n');
    expect(logs.length).to.be.greaterThan(10_000);
    const seen = await Promise.all([
      rig.kube.client.list(events, {}),
      rig.kube.client.list(meshServices, {}),
      rig.kube.client.list(pods, {}),
    ]);
    const said = `${logs}\n${JSON.stringify(seen)}`;
    expect(told.size).to.be.greaterThan(6);
    for (const secret of told) expect(said.includes(secret), 'a secret is told').to.equal(false);
    for (const jwt of said.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? []) expect.fail(`a JWT is told: ${jwt.slice(0, 12)}`);
  });
});

/** A line of the middle of a PEM, which is found in any print of the key. */
const keyLine = (pem: string): string => pem.split('\n')[1]!;
