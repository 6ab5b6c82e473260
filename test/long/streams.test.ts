import { expect } from 'chai';
import { EDGE_SERVICE } from '../../crds/expose.ts';
import { runningPod, startEnvoy } from '../integration/gateways/edge-envoy.ts';
import { startOperatorRig } from '../integration/operator/operator-rig.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/real/consul-ports.ts';
import { type StreamingApp, get, startStreamingApp, upgrade } from '../support/rigs/streaming-app.ts';
import { startTrafficRig } from '../support/rigs/traffic-rig.ts';

const MINUTE_MS = 60_000;
const HOST = 'shop.example';
const traffic = { timeout: '60s', routes: [{ name: 'events', path: '/events', timeout: '0s' }], idleTimeout: '0s' };

/**
 * The limits of Envoy themselves, in their own time: ten minutes. The short form is in test/integration. One server, a pod
 * that calls a machine, a machine that calls a pod, and the edge gateway.
 */
describe('a stream of ten minutes, a silence of six, and an answer that takes fifty seconds', function () {
  this.timeout(15 * MINUTE_MS);
  let app: StreamingApp;
  const stops: (() => unknown)[] = [];

  before(async () => {
    app = await startStreamingApp();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });
  after(() => app?.close());

  /** All three at once, at one local port. */
  async function tryAll(port: number, headers: Record<string, string> = {}): Promise<unknown> {
    const socket = await upgrade(port, headers);
    expect(await socket.echo('first')).to.equal('first');
    const [slow, events, silent] = await Promise.all([
      get(port, '/slow?ms=50000', headers),
      get(port, '/events?count=601&ms=1000', headers),
      Promise.race([socket.ended, later(6 * MINUTE_MS).then(() => 'open')]),
    ]);
    const echoed = await socket.echo('after the silence');
    socket.close();
    return [slow.status, slow.body, events.status, events.whole, events.body.match(/data/g)?.length, silent, echoed];
  }
  const WHOLE = [200, 'done', 200, true, 601, 'open', 'after the silence'];

  /** The app behind an edge gateway of its own. */
  async function startEdge(http: number, https: number, limits: object): Promise<void> {
    const ports = { LANDBRIDGE_EDGE_HTTP_PORT: `${http}`, LANDBRIDGE_EDGE_HTTPS_PORT: `${https}` };
    const edge = await startOperatorRig({ LANDBRIDGE_EDGE: 'enabled', ...ports });
    stops.push(() => edge.stop());
    await edge.declare('web', {
      port: app.port,
      protocol: 'http',
      expose: { hosts: [HOST], paths: ['/'] },
      traffic: limits,
    });
    await runningPod(edge.kube, 'web', '127.0.0.1');
    const sidecar = await startEnvoy(edge.kube, 'shop', 'web', 'web-1-sidecar');
    stops.push(() => sidecar.stop());
    const gateway = await startEnvoy(edge.kube, 'landbridge', EDGE_SERVICE, EDGE_SERVICE);
    stops.push(() => gateway.stop());
  }

  it('has its answer of fifty seconds whole at the edge under a timeout of sixty, and no longer one', async () => {
    const [http = 0, https = 0] = await freePorts(2);
    await startEdge(http, https, { timeout: '60s' });
    const headers = { host: HOST };
    await eventually('it answers', 60_000, async () => (await get(http, '/', headers)).status === 200);
    expect(await get(http, '/slow?ms=50000', headers)).to.include({ status: 200, body: 'done', whole: true });
    expect(await get(http, '/slow?ms=70000', headers)).to.include({ status: 504 });
  });

  it('are whole for pods, for machines and at the edge', async () => {
    const [vm = 0, pod = 0, http = 0, https = 0] = await freePorts(4);
    const rig = await startTrafficRig();
    stops.push(() => rig.stop());
    const upstreams = [
      { service: 'on-vm', localPort: vm },
      { service: 'on-pod', localPort: pod },
    ];
    for (const { service } of upstreams) {
      await rig.declare(service, { protocol: 'http', access: [{ from: 'caller' }], traffic });
    }
    await rig.declare('caller', { upstreams });
    await rig.member('on-vm', 'vm', [], { appPort: app.port, accessLog: 'none' });
    await rig.member('on-pod', 'pod', [], { appPort: app.port, accessLog: 'none' });
    await rig.member('caller', 'pod', upstreams.slice(0, 1));
    await rig.member('caller', 'vm', upstreams.slice(1));

    await startEdge(http, https, { timeout: '0s', idleTimeout: '0s' });

    const headers = { host: HOST };
    for (const [port, sent] of [
      [vm, {}],
      [pod, {}],
      [http, headers],
    ] as const) {
      await eventually(`${port} answers`, 60_000, async () => (await get(port, '/', sent)).status === 200);
    }
    const results = await Promise.all([tryAll(vm), tryAll(pod), tryAll(http, headers)]);
    expect(results).to.deep.equal([WHOLE, WHOLE, WHOLE]);
  });
});

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
