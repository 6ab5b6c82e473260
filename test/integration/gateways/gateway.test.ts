import http, { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect } from 'chai';
import { pino } from 'pino';
import { type Externals, createExternals } from '../../../bridge/externals/externals.ts';
import { createNodeWriter } from '../../../bridge/node-writer.ts';
import { probe } from '../../../checks/external.ts';
import { systemClock } from '../../../base/clock.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { meshServices, pods, secrets } from '../../../clients/kube/resources.ts';
import { selectorLabels } from '../../../charts/labels.ts';
import { GATEWAY_SERVICE } from '../../../crds/gateway.ts';
import { externalRequest } from '../../../mesh/outside/bridge-api.ts';
import { gatewayNode } from '../../../mesh/gateways/terminating.ts';
import { ANNOTATION_SECRET_SINCE } from '../../../mesh/names/names.ts';
import { ANNOTATION_LIFE } from '../../../operator/sidecar-secret/sidecar-token.ts';
import { eventually } from '../../support/eventually.ts';
import { type RunningEnvoy, startEnvoy } from './edge-envoy.ts';
import { type OperatorRig, startOperatorRig } from '../operator/operator-rig.ts';

type Annotated = KubeObject & { metadata: { annotations?: Record<string, string> } };

const SITE = 'rack-1';
/** The port on which the callers' Envoys listen for the service without a sidecar. */
const LOCAL_PORT = { caller: 19_191, stranger: 19_192, archive: 19_193 };

/**
 * The operator, Consul, the API server and three Envoys, all real: the terminating gateway, and the sidecars of a service
 * that may call and of one that may not. The service called has no sidecar; the bridge's own code registers and checks it.
 */
describe('the terminating gateway', function () {
  this.timeout(120_000);
  let rig: OperatorRig;
  let externals: Externals;
  let gateway: RunningEnvoy;
  let callers: RunningEnvoy[] = [];
  let legacy: Server;
  let healthy = true;
  let asked = 0;
  const stop = new AbortController();

  const runningPod = async (name: string, namespace: string, ip: string, labels: object) => {
    await rig.kube.client.create(pods, {
      metadata: { name, namespace, labels, annotations: { 'landbridge.dev/injected': 'true' } },
      spec: { containers: [{ name: 'app', image: 'app:1' }] },
    } as KubeObject);
    await rig.kube.client.patchStatus(pods, name, namespace, {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }],
    });
  };
  const register = (service: string, name: string): Promise<string[]> =>
    externals.put(
      name,
      externalRequest.parse({
        site: SITE,
        service,
        address: '127.0.0.1',
        port: (legacy.address() as AddressInfo).port,
        check: { type: 'http', path: '/healthz', intervalMs: 500 },
      }),
    );
  const call = (who: keyof typeof LOCAL_PORT, path = '/stock', method = 'GET'): Promise<number> =>
    new Promise((resolve, reject) => {
      const request = http.request({ port: LOCAL_PORT[who], path, method, agent: false, timeout: 5000 });
      request.end();
      request.once('timeout', () => request.destroy(new Error('timeout')));
      request.once('error', reject);
      request.once('response', (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      });
    });
  const answers = (what: string, who: keyof typeof LOCAL_PORT, status: number): Promise<unknown> =>
    eventually(what, 60_000, async () => (await call(who).catch(() => 0)) === status || undefined).catch(
      (error: Error) => Promise.reject(new Error(`${error.message}\n${gateway.log().slice(-3000)}`)),
    );
  /** As the kubelet does when the pod has changed. */
  const broughtTo = async (names: string): Promise<void> => {
    await eventually(`the kubelet is sent for the token of ${names}`, 20_000, async () => {
      const [pod, secret] = await Promise.all([
        rig.kube.client.get<Annotated>(pods, 'gateway-1', 'landbridge'),
        rig.kube.client.get<Annotated>(secrets, `${GATEWAY_SERVICE}-landbridge`, 'landbridge'),
      ]);
      const life = secret?.metadata.annotations?.[ANNOTATION_LIFE]?.split('/')[0] ?? '';
      const holds = secret?.metadata.annotations?.['landbridge.dev/token-service'];
      return (
        holds === `${GATEWAY_SERVICE} ${names}` && (pod?.metadata.annotations?.[ANNOTATION_SECRET_SINCE] ?? '') >= life
      );
    });
    await gateway.sync();
  };
  const linked = async (name: string) => (await rig.statusOf(name))?.conditions?.find(({ type }) => type === 'Linked');
  const links = async (): Promise<unknown> =>
    (await rig.consul.readConfig('terminating-gateway', GATEWAY_SERVICE))?.entry['Services'];

  before(async function () {
    this.timeout(240_000);
    legacy = createServer((request, response) => {
      if (request.url === '/healthz') {
        response.writeHead(healthy ? 200 : 503).end();
        return;
      }
      asked += 1;
      if (request.url === '/slow') return void setTimeout(() => response.end('done'), 16_500);
      response.end('from the mainframe');
    }).listen(0, '127.0.0.1');
    await once(legacy, 'listening');
    rig = await startOperatorRig({ LANDBRIDGE_GATEWAY: 'enabled' });
    const silent = pino({ level: 'silent' });
    const parts = { consul: rig.consul, clock: systemClock, log: silent, random: Math.random };
    const writer = createNodeWriter({ ...parts, onWrite: () => undefined, mayMend: async () => true });
    void writer.run(stop.signal);
    externals = createExternals({ writer, probe, clock: systemClock, random: Math.random });
    const upstreamAt = (localPort: number) => ({ upstreams: [{ service: 'legacy', localPort }] });
    await rig.declare('legacy', {
      protocol: 'http',
      workloads: { external: { sites: [SITE] } },
      access: [{ from: 'caller', methods: ['GET'] }],
    });
    await rig.declare('caller', { protocol: 'http', ...upstreamAt(LOCAL_PORT.caller) });
    await rig.declare('stranger', { protocol: 'http', ...upstreamAt(LOCAL_PORT.stranger) });
    const labels = (app: string) => ({ app, 'landbridge.dev/mesh-service': app });
    await runningPod('caller-1', 'shop', '127.0.0.1', labels('caller'));
    await runningPod('stranger-1', 'shop', '127.0.0.2', labels('stranger'));
    await runningPod('gateway-1', 'landbridge', '127.0.0.1', selectorLabels('gateway'));
    gateway = await startEnvoy(rig.kube, 'landbridge', GATEWAY_SERVICE, 'gateway-1');
    callers = [
      await startEnvoy(rig.kube, 'shop', 'caller', 'caller-1-sidecar'),
      await startEnvoy(rig.kube, 'shop', 'stranger', 'stranger-1-sidecar'),
    ];
  });
  after(async () => {
    externals?.close();
    stop.abort();
    legacy?.closeAllConnections();
    legacy?.close();
    // Stops each part even when another fails, since an open one keeps the whole suite from its end.
    const ended = await Promise.allSettled([gateway, ...callers].map((envoy) => envoy?.stop()));
    await rig?.stop();
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
  });

  it('is ready before anything is linked, and has nothing in Consul but its pods', async () => {
    await eventually('it is ready', 30_000, () =>
      fetch(`http://127.0.0.1:${gateway.adminPort}/ready`).then(
        ({ ok }) => ok || undefined,
        () => undefined,
      ),
    );
    expect(await links()).to.equal(undefined);
    expect(await linked('legacy')).to.equal(undefined);
    const node = await rig.consul.readNode(gatewayNode('lab'));
    expect(Object.keys(node!.registrations)).to.deep.equal(['gateway-1']);
  });

  it('lets who has access call a service without a sidecar, over mutual TLS, and nobody else', async () => {
    expect(await register('legacy', 'mainframe')).to.deep.equal([]);
    await eventually('it is linked', 20_000, async () => JSON.stringify(await links()) === '[{"Name":"legacy"}]');
    expect(await eventually('the status says so', 10_000, () => linked('legacy'))).to.include({ status: 'True' });
    await broughtTo('legacy');
    await answers('it answers', 'caller', 200);
    expect(asked).to.be.greaterThan(0);
    const before = asked;
    expect(await call('stranger')).to.equal(403);
    expect(asked).to.equal(before);
  });

  it('holds to methods, too', async () => {
    const before = asked;
    expect(await call('caller', '/stock', 'POST')).to.equal(403);
    expect(asked).to.equal(before);
  });

  it('lets an answer take longer than the 15 s which are its own limit', async () => {
    const access = [{ from: 'caller', methods: ['GET' as const] }];
    const workloads = { external: { sites: [SITE] } };
    await rig.declare('legacy', { protocol: 'http', workloads, access, traffic: { timeout: '60s' } });
    const limits = async (port: number) => {
      const dump = await fetch(`http://127.0.0.1:${port}/config_dump`);
      return (await dump.text()).replaceAll(/\s/g, '');
    };
    await eventually('both have heard', 20_000, async () => {
      const [ofGateway, ofCaller] = await Promise.all([gateway, callers[0]!].map(({ adminPort }) => limits(adminPort)));
      return ofGateway!.includes('"timeout":"31536000s"') && ofCaller!.includes('"timeout":"60s"');
    });
    const slow = new Promise<number>((resolve, reject) => {
      const sent = http.get({ port: LOCAL_PORT.caller, path: '/slow', agent: false }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      });
      sent.once('error', reject);
    });
    expect(await slow).to.equal(200);
  });

  it('has a token for this service and no other', async () => {
    const secret = await rig.kube.client.get<KubeObject & { data: { token: string } }>(
      secrets,
      `${GATEWAY_SERVICE}-landbridge`,
      'landbridge',
    );
    const own = rig.server.connect(Buffer.from(secret!.data.token, 'base64').toString());
    const mayWrite = async (service: string): Promise<boolean> => {
      const { registrations, ...node } = (await rig.consul.readNode('ext.rack-1.mainframe'))!;
      const held = registrations['mainframe']!;
      const registration = { ...held, service: { ...held.service, ID: 'probe', Service: service }, checks: [] };
      const [outcome] = await own.apply([{ op: 'register', node, registration }]);
      if (outcome!.ok) {
        await rig.consul.apply([{ op: 'delete-service', node: node.Node, id: 'probe', service }]);
      }
      return outcome!.ok;
    };
    expect(await mayWrite('legacy')).to.equal(true);
    expect(await mayWrite('caller')).to.equal(false);
    own.close();
  });

  it('stops calling the only instance while its check finds it critical', async () => {
    healthy = false;
    await answers('nobody answers', 'caller', 503);
    const before = asked;
    for (let request = 0; request < 5; request++) expect(await call('caller')).to.equal(503);
    expect(asked).to.equal(before);
    healthy = true;
    await answers('it answers again', 'caller', 200);
  });

  it('serves a second service by a new stream, and never stops serving the first', async () => {
    await rig.declare('archive', {
      protocol: 'http',
      workloads: { external: { sites: [SITE] } },
      access: [{ from: 'caller' }],
    });
    await eventually('it holds its name', 20_000, async () => (await rig.statusOf('archive'))?.consul?.service);
    await rig.declare('caller', {
      protocol: 'http',
      upstreams: [
        { service: 'legacy', localPort: LOCAL_PORT.caller },
        { service: 'archive', localPort: LOCAL_PORT.archive },
      ],
    });
    let failed = 0;
    let stopped = false;
    const load = (async () => {
      while (!stopped) if ((await call('caller').catch(() => 0)) !== 200) failed += 1;
    })();
    await register('archive', 'tape');
    await eventually(
      'it is linked',
      20_000,
      async () => JSON.stringify(await links()).includes('archive') || undefined,
    );
    await broughtTo('archive legacy');
    await answers('it answers', 'archive', 200).finally(() => (stopped = true));
    await load;
    expect(failed).to.equal(0);
  });

  it('serves nothing under a name of which an instance has a sidecar, and says so', async () => {
    const node = { Node: 'vm.rack-1.one', Address: '127.0.0.1', Meta: {} };
    const service = { ID: 'archive-vm1', Service: 'archive', Address: '127.0.0.9', Port: 1, Tags: [] };
    const registration = { service: { ...service, Meta: { platform: 'vm', site: SITE } }, checks: [] };
    await rig.consul.apply([{ op: 'register', node, registration }]);
    const told = await eventually('the status says why', 20_000, async () => {
      const found = await linked('archive');
      return found?.status === 'False' ? found : undefined;
    });
    expect(told.message).to.match(/^archive-vm1 has a sidecar/);
    expect(await links()).to.deep.equal([{ Name: 'legacy' }]);
    await rig.consul.apply([{ op: 'delete-node', node: node.Node }]);
  });

  it('leaves nothing behind of what is deregistered', async () => {
    for (const name of ['tape', 'mainframe']) expect(await externals.stop(SITE, name)).to.deep.equal([]);
    await eventually('no entry is left', 20_000, async () => (await links()) === undefined);
    await eventually('no condition is left', 10_000, async () => (await linked('legacy')) === undefined);
    expect((await rig.consul.listNodes('ext.')).length).to.equal(0);
    const { annotations } = (await rig.kube.client.get<KubeObject>(
      secrets,
      `${GATEWAY_SERVICE}-landbridge`,
      'landbridge',
    ))!.metadata as { annotations: Record<string, string> };
    expect(annotations['landbridge.dev/token-service']).to.equal(GATEWAY_SERVICE);
    await rig.kube.client.delete(meshServices, 'legacy', 'shop');
    await eventually('no intention is left', 20_000, async () => {
      const kinds = ['service-intentions', 'service-defaults'] as const;
      return (await Promise.all(kinds.map((kind) => rig.consul.readConfig(kind, 'legacy')))).every((one) => !one);
    });
  });
});
