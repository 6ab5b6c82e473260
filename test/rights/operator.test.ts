import { type Server, createServer } from 'node:http';
import { expect } from 'chai';
import { selectorLabels } from '../../charts/labels.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { events, leases, meshServices, networkPolicies, pods, secrets } from '../../clients/kube/resources.ts';
import { EDGE_SERVICE } from '../../crds/expose.ts';
import { GATEWAY_SERVICE } from '../../crds/gateway.ts';
import { SIDECAR_READY_PORT } from '../../crds/mesh-service.ts';
import { CONFIG_KINDS, EDGE_KINDS } from '../../mesh/catalog/entry.ts';
import { NAMESPACE, OPERATOR_LEASE, WEBHOOK_SECRET } from '../../mesh/installation/installation.ts';
import { ANNOTATION_SECRET_SINCE, sidecarPolicy, sidecarSecret } from '../../mesh/names/names.ts';
import { operatorPolicy } from '../../operator/bootstrap/policies.ts';
import { appOf, nodeOf, owned } from '../contract/consul/consul-builders.ts';
import { eventually } from '../support/eventually.ts';
import type { OperatorProcess } from '../support/rigs/operator-process.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../support/rigs/operator-rig.ts';
import { OWNERS, forgetOwners, refusedOwner } from '../support/kube/refused-owner.ts';
import { serverTls } from '../support/real/consul-tls.ts';
import { describeRight, rightsOf, wasRefused, withoutRight } from '../support/right.ts';
import { chart } from '../unit/charts/objects.ts';
import { weakerPolicies, withWeaker } from './consul-rule.ts';

const DEADLINE_MS = 20_000;
/** Address of a pod whose sidecar has refused an update. */
const REFUSING = '127.31.0.9';
/** An entry that refers to another one goes before it. */
const LATE_FIRST = CONFIG_KINDS.toReversed();

interface Told extends KubeObject {
  eventTime: string;
  series?: { lastObservedTime: string };
}

/**
 * Each right of the operator is taken away in turn, in Kubernetes and in Consul, and the operator, as a process on a real
 * API server and a real Consul, lives the same story. With all rights it is refused nothing and the story ends well.
 */
describe('every right of the operator', function () {
  this.timeout(120_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;
  let sidecar: Server | undefined;

  before(async () => {
    rig = await startOperatorRig();
    shop = shopOf(rig);
    sidecar = createServer((_, answer) => answer.end('envoy_listener_manager_lds_update_rejected{} 1\n'));
    sidecar.listen(SIDECAR_READY_PORT, REFUSING);
    const { certPem, keyPem } = await serverTls('shop.example');
    const machine = nodeOf('vm.rack-1.one', 'bridge/rack-1/one');
    const app = appOf('web-one', 'web');
    const registration = { ...app, service: { ...app.service, Meta: { platform: 'vm', site: 'rack-1' } } };
    for (const { ok } of await rig.consul.apply([
      { op: 'set-node', node: machine },
      { op: 'register', node: machine, registration },
    ]))
      expect(ok).to.equal(true);
    const data = { 'tls.crt': base64(certPem), 'tls.key': base64(keyPem) };
    const metadata = { name: 'gateway-1', namespace: NAMESPACE, labels: selectorLabels('gateway') };
    await rig.kube.client.create(pods, { ...shop.plainPod('gateway-1', 'x'), metadata });
    await rig.kube.client.create(secrets, { metadata: { name: 'shop-tls', namespace: 'shop' }, data } as KubeObject);
  });
  after(() => {
    sidecar?.close();
    return rig?.stop();
  });

  /** Nothing of an earlier story is left. */
  async function clear(operator: OperatorProcess): Promise<void> {
    operator.kill('SIGKILL');
    await operator.ended;
    const { client } = rig.kube;
    await client.delete(leases, OPERATOR_LEASE, NAMESPACE);
    for (const name of [...[EDGE_SERVICE, GATEWAY_SERVICE].map(sidecarSecret), WEBHOOK_SECRET])
      await client.delete(secrets, name, NAMESPACE);
    await shop.deletePod('web-1');
    await shop.deletePod('web-2');
    await client.patchMerge(pods, 'gateway-1', NAMESPACE, { metadata: { annotations: null } });
    for (const name of ['web', 'api', 'rival', 'idle']) {
      const held = await client.get<KubeObject>(meshServices, name, 'shop');
      if (held !== undefined) {
        await client.patchMerge(meshServices, name, 'shop', { metadata: { finalizers: null } });
        await client.delete(meshServices, name, 'shop');
      }
      await client.delete(secrets, sidecarSecret(name), 'shop');
      await client.delete(networkPolicies, sidecarPolicy(name), 'shop');
    }
    await forgetOwners(client, 'api-5d8');
    await rig.consul.kvDelete('landbridge/edge/lab/shop');
    const nodes = await rig.consul.listNodes('k8s.');
    const entries = (
      await Promise.all([...EDGE_KINDS, ...LATE_FIRST].map((kind) => rig.consul.listConfig(kind)))
    ).flat();
    await rig.consul.apply([
      ...nodes.map(({ name }) => ({ op: 'delete-node' as const, node: name })),
      ...entries.map(({ entry, modifyIndex }) => ({
        op: 'delete-config' as const,
        kind: entry.Kind,
        name: entry.Name,
        modifyIndex,
      })),
    ]);
  }

  /** Events of this story: those of earlier ones are still there. */
  async function toldSince(at: string): Promise<Told[]> {
    const { items } = await rig.kube.client.list<Told>(events, { namespace: 'shop' });
    return items.filter(({ eventTime, series }) => Date.parse(series?.lastObservedTime ?? eventTime) >= Date.parse(at));
  }

  /** Lives one life of an installation, and throws the first state that does not come. Stops as soon as `enough` is true. */
  async function live(operator: OperatorProcess, enough: () => boolean): Promise<'well' | 'enough'> {
    const { client } = rig.kube;
    const come = async (what: string, seen: () => Promise<unknown>): Promise<void> => {
      if (enough()) return;
      await eventually(what, DEADLINE_MS, async () => enough() || ((await seen().catch(() => undefined)) as true), 50);
    };
    const says = (name: string, type: string, reason: string) => async () =>
      (await shop.status(name))?.conditions?.some((one) => one.type === type && one.reason === reason) || undefined;
    const at = new Date().toISOString();
    const report = { site: 'rack-1', at, services: { web: { reached: 1, unreached: [] } } };
    const told = await rig.consul.kvGet('landbridge/reach/rack-1');
    await rig.consul.kvCas('landbridge/reach/rack-1', JSON.stringify(report), told?.modifyIndex ?? 0);
    const refusal = { subscription: 'listener_manager_lds', kind: 'listener', rejected: 1, words: 'no' };
    const proxies = [{ id: 'web-vm1-7001', service: 'web', refusals: [refusal] }];
    const said = JSON.stringify({ site: 'rack-1', host: 'vm1', at, heardAt: at, proxies });
    await rig.consul.kvDelete('landbridge/proxies/rack-1/vm1');
    await rig.consul.kvCas('landbridge/proxies/rack-1/vm1', said, 0);
    await come('it leads', async () => (await operator.leads()) || undefined);
    await come('the kubelet is sent for the Secret of the terminating gateway', async () => {
      const pod = await client.get<KubeObject & { metadata: { annotations?: Record<string, string> } }>(
        pods,
        'gateway-1',
        NAMESPACE,
      );
      return pod?.metadata.annotations?.[ANNOTATION_SECRET_SINCE];
    });
    await shop.declare('web', {
      protocol: 'http',
      workloads: {
        pods: { selector: { matchLabels: { app: 'web' } } },
        external: { sites: ['rack-1'] },
      },
      access: [{ from: 'api' }],
      expose: { hosts: ['shop.example'], tlsSecret: 'shop-tls' } as never,
    });
    const api = {
      workloads: { pods: { selector: { matchLabels: { app: 'api' } } }, external: { sites: ['rack-1'] } },
      upstreams: [{ service: 'web', localPort: 9191 }],
    };
    await shop.declare('api', { ...api, mutualTLS: 'Strict' });
    const policy = (): Promise<KubeObject | undefined> => client.get(networkPolicies, sidecarPolicy('api'), 'shop');
    await come('a NetworkPolicy closes the ports of api', policy);
    await client
      .patchMerge(networkPolicies, sidecarPolicy('api'), 'shop', { metadata: { ownerReferences: null } })
      .catch(() => undefined);
    await come('what another hand took from it is there again', async () => {
      const held = (await policy()) as { metadata: { ownerReferences?: unknown } } | undefined;
      return held?.metadata.ownerReferences;
    });
    await shop.declare('api', { ...api, mutualTLS: 'Permissive' });
    await come('it goes with Strict', async () => (await policy()) === undefined || undefined);
    await come('api says by which ways callers come', says('api', 'Enforced', 'Permissive'));
    await come('web is in Consul', says('web', 'Synced', 'Synced'));
    // The webhook asks only for pods of a MeshService that it knows.
    await come('a pod is injected', async () => {
      await shop.pod('web-1', 'web', '10.0.0.1');
      return true;
    });
    await come('web is ready', says('web', 'Ready', 'AllInstancesReady'));
    await come('its host is remembered', async () => rig.consul.kvGet('landbridge/edge/lab/shop'));
    await come(
      'the instance on a machine is counted',
      async () => (await shop.status('web'))?.instances?.external?.ready === 1,
    );
    await come('a refused update is named', async () => {
      const said = (await shop.status('web'))?.conditions?.find(({ type }) => type === 'ProxiesAccept');
      return said?.message?.includes('web-vm1-7001 on machine rack-1/vm1') || undefined;
    });
    await come('the log of a sidecar that refuses an update is asked for', async () => {
      if ((await client.get(pods, 'web-2', 'shop')) === undefined) await shop.pod('web-2', 'web', REFUSING);
      const said = (await shop.status('web'))?.conditions?.find(({ type }) => type === 'ProxiesAccept');
      return said?.message?.includes('pod web-2') || undefined;
    });
    await come('it says that the site reaches its pods', says('web', 'Reachable', 'ReachedFromSites'));
    await come('web is exposed', says('web', 'Exposed', 'Exposed'));
    await come('it is told in events', async () => (await toldSince(at)).length > 0 || undefined);
    for (const owner of OWNERS) {
      if (enough()) break;
      await forgetOwners(client, 'api-5d8');
      await refusedOwner(client, owner, { app: 'api' }, 'Error creating: exceeded quota: compute');
      await come(`a ${owner.kind} that makes no pods is told of`, async () =>
        (await shop.status('api'))?.conditions?.some(({ message }) => message.startsWith(owner.kind)),
      );
    }
    await shop.declare('idle', {
      port: undefined,
      workloads: { pods: { selector: { matchLabels: { app: 'idle' } } } },
    });
    await come('it looked for workloads that make the pods of idle', async () =>
      (await shop.status('idle'))?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'False'),
    );
    const taken = {
      Kind: 'service-defaults' as const,
      Name: 'taken',
      Protocol: 'tcp',
      Meta: owned('k8s/other/shop/taken'),
    };
    await rig.consul.apply([{ op: 'set-config', entry: taken, modifyIndex: 0 }]);
    await shop.declare('rival', { service: 'taken' });
    await come(
      'what is told again is counted',
      async () => (await toldSince(at)).some(({ series }) => series !== undefined) || undefined,
    );
    const renewed = async (): Promise<unknown> =>
      (await client.get<KubeObject & { spec: { renewTime: string } }>(leases, OPERATOR_LEASE, NAMESPACE))?.spec
        .renewTime;
    const before = await renewed();
    await come('its lease is renewed', async () => (await renewed()) !== before);
    await shop.remove('api');
    await come('api is let go', async () => (await client.get(meshServices, 'api', 'shop')) === undefined || undefined);
    await come(
      'its Secret is gone',
      async () => (await client.get(secrets, sidecarSecret('api'), 'shop')) === undefined || undefined,
    );
    return enough() ? 'enough' : 'well';
  }

  const start = () => rig.start({ LANDBRIDGE_EDGE: 'enabled', LANDBRIDGE_GATEWAY: 'enabled' }, 'runs');

  it('is enough: with all of them it is refused nothing', async () => {
    const operator = await start();
    try {
      expect(await live(operator, () => false)).to.equal('well');
      expect(operator.log()).not.to.match(/is forbidden|Consul (denied|hid)/);
    } finally {
      await clear(operator);
    }
  });

  for (const right of rightsOf(chart(), 'operator')) {
    it(`is missed: ${describeRight(right)}`, () =>
      withoutRight(rig.kube.client, right, async () => {
        const operator = await start();
        const refused = (): boolean => wasRefused(operator.log(), right);
        try {
          const end = await live(operator, refused).catch((error: unknown) => (error as Error).message);
          expect(refused(), `${end}; ${operator.log().slice(-1500)}`).to.equal(true);
        } finally {
          await clear(operator);
        }
      }));
  }

  const policy = operatorPolicy('lab');
  for (const weaker of weakerPolicies(policy)) {
    it(`is missed in Consul: ${weaker.what}`, () =>
      withWeaker(rig.consul, policy, weaker, async () => {
        const operator = await start();
        const refused = (): boolean => /Consul (denied|hid)/.test(operator.log());
        try {
          const end = await live(operator, refused).catch((error: unknown) => (error as Error).message);
          expect(refused() || end !== 'well', `${end}; ${operator.log().slice(-1500)}`).to.equal(true);
        } finally {
          await clear(operator);
        }
      }));
  }
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');
