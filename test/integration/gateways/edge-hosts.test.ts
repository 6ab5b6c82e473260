import { type Server, createServer } from 'node:http';
import http from 'node:http';
import { expect } from 'chai';
import { EDGE_SERVICE } from '../../../crds/expose.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type RunningEnvoy, runningPod, startEnvoy } from './edge-envoy.ts';
import { type OperatorRig, startOperatorRig } from '../operator/operator-rig.ts';

/** As many and as long as a MeshService takes. */
const LONG = Array.from({ length: 14 }, (_, at) => `${`${'l'.repeat(57)}-${10 + at}.`.repeat(4)}shop`);
const APPS = { shop: 18_090, wide: 18_091 } as const;

/** Spellings of a host as clients send them, at a real gateway: they know the port of a node or of a load balancer, not the gateway's own. */
describe('a host at the edge', function () {
  this.timeout(60_000);
  let rig: OperatorRig;
  let apps: Server[] = [];
  let envoys: RunningEnvoy[] = [];
  let port = 0;

  before(async function () {
    this.timeout(240_000);
    const [httpPort = 0, httpsPort = 0] = await freePorts(2);
    port = httpPort;
    apps = Object.entries(APPS).map(([name, appPort]) =>
      createServer(({ headers, url }, response) => response.end(`${name} ${headers.host} ${url}`)).listen(
        appPort,
        '127.0.0.1',
      ),
    );
    const ports = { LANDBRIDGE_EDGE_HTTP_PORT: `${httpPort}`, LANDBRIDGE_EDGE_HTTPS_PORT: `${httpsPort}` };
    rig = await startOperatorRig({ LANDBRIDGE_EDGE: 'enabled', ...ports });
    const declare = (name: keyof typeof APPS, hosts: string[]) =>
      rig.declare(name, { port: APPS[name], protocol: 'http', expose: { hosts, paths: ['/'] } });
    await declare('shop', ['shop.example', 'api.shop.example', ...LONG]);
    await declare('wide', ['*.shop.example']);
    await runningPod(rig.kube, 'shop', '127.0.0.1');
    await runningPod(rig.kube, 'wide', '127.0.0.2');
    envoys = [
      await startEnvoy(rig.kube, 'shop', 'shop', 'shop-1-sidecar'),
      await startEnvoy(rig.kube, 'shop', 'wide', 'wide-1-sidecar'),
      await startEnvoy(rig.kube, 'landbridge', EDGE_SERVICE, EDGE_SERVICE),
    ];
    for (const host of ['shop.example', 'x.shop.example'])
      await eventually(`${host} is served`, 30_000, async () => (await get(host)).status === 200);
  });
  after(async () => {
    for (const app of apps) (app.closeAllConnections(), app.close());
    const ended = await Promise.allSettled(envoys.map((envoy) => envoy.stop()));
    await rig?.stop();
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
  });

  const get = (host: string): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const request = http.get({ port, path: '/x', headers: { host }, agent: false, timeout: 5000 }, (response) => {
        let body = '';
        response.on('data', (part: Buffer) => (body += part.toString()));
        response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      request.once('error', reject);
    });

  for (const [host, app] of [
    ['shop.example', 'shop'],
    ['shop.example:80', 'shop'],
    ['shop.example:30800', 'shop'],
    ['shop.example:443', 'shop'],
    ['SHOP.Example', 'shop'],
    ['Shop.Example:30800', 'shop'],
    ['shop.example.', 'shop'],
    ['shop.example.:30800', 'shop'],
    ['shop.example:', 'shop'],
    ['api.shop.example', 'shop'],
    ['api.shop.example:30800', 'shop'],
    ['API.shop.example:30800', 'shop'],
    [LONG[0]!, 'shop'],
    [`${LONG[13]}:30800`, 'shop'],
    ['x.shop.example', 'wide'],
    ['X.y.shop.example:30800', 'wide'],
    ['x.shop.example.', 'wide'],
  ] as const)
    it(`is served when asked for as ${host.slice(-40)}, and the app sees that spelling`, async () => {
      expect(await get(host)).to.deep.equal({ status: 200, body: `${app} ${host} /x` });
    });

  for (const host of [
    'other.example',
    'other.example:30800',
    'ashop.example:80',
    'shopxexample:80',
    'shop.example.evil.example:80',
    'shop.example:80.evil.example',
    'shop.example:30800x',
    'shop.example..',
    'example:80',
    'x@other.example:80',
  ])
    it(`is not served when asked for as ${host}`, async () => {
      expect((await get(host)).status).to.be.oneOf([400, 404]);
    });
});
