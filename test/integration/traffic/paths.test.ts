import { once } from 'node:events';
import { type Server, createServer, request } from 'node:http';
import { expect } from 'chai';
import type { Route, Traffic } from '../../../crds/traffic.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type TrafficRig, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** The path that the app sees behind each kind of route, through a real Consul and real Envoys. */
describe('paths through real Envoys', function () {
  this.timeout(120_000);
  let rig: TrafficRig;
  let app: Server;
  let port = 0;

  /** The request line's target is sent as it is. */
  const seen = (path: string, headers: Record<string, string> = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, headers, agent: false }, (answer) => {
        let body = '';
        answer.on('data', (part: Buffer) => (body += part.toString()));
        answer.once('end', () => resolve(answer.statusCode === 200 ? body : `${answer.statusCode} ${body}`));
      });
      sent.once('error', reject);
      sent.end();
    });

  let generation = 0;
  /** A last route tells when the caller's sidecar has what is declared. */
  const declare = async (routes: Route[], more: Omit<Traffic, 'routes'> = {}): Promise<void> => {
    const mark = `generation-${(generation += 1)}`;
    const told: Route = { name: 'told', path: '/told', requestHeaders: { set: { 'x-generation': mark } } };
    const traffic = { ...more, routes: [...routes, told] };
    await rig.declare('web', { protocol: 'http', access: [{ from: 'caller' }], traffic });
    await eventually(`the sidecar has ${mark}`, 20_000, async () => (await seen('/told')) === `/told ${mark}`);
  };

  before(async () => {
    rig = await startTrafficRig();
    const [appPort = 0, localPort = 0] = await freePorts(2);
    port = localPort;
    app = createServer(({ url, headers }, response) => {
      const generation = headers['x-generation'];
      response.end(generation === undefined ? url : `${url} ${String(generation)}`);
    }).listen(appPort, '127.0.0.1');
    await once(app, 'listening');
    await rig.declare('web', { protocol: 'http', access: [{ from: 'caller' }] });
    await rig.declare('caller', { upstreams: [{ service: 'web', localPort: port }] });
    await rig.member('web', 'pod', [], { appPort, accessLog: 'none' });
    await rig.member('caller', 'vm', [{ service: 'web', localPort: port }]);
  });
  after(async () => {
    app?.closeAllConnections();
    app?.close();
    await rig?.stop();
  });

  it('stay as they are without a rewrite, by whatever route', async () => {
    await declare([
      { name: 'header', headers: [{ name: 'x-canary', exact: 'yes' }] },
      { name: 'query', query: [{ name: 'debug', present: true }] },
      { name: 'exact', path: '/api' },
      { name: 'below', pathPrefix: '/api/', timeout: '5s' },
      { name: 'begins', pathPrefix: '/v' },
      { name: 'percent', pathPrefix: '/a%20b/' },
      { name: 'regex', pathRegex: '/items/[0-9]+(/.*)?' },
    ]);
    const paths = [
      '/',
      '//',
      '//bucket//key',
      '///a',
      '/?a=/api/',
      '/api',
      '/api?x=1&y=2',
      '/api/',
      '/api//',
      '/api/v1/items?next=/api/',
      '/api//v1',
      '/apis/x',
      '/v1',
      '/version/v1',
      '/a%20b/c%2Fd',
      '/items/7?sort=/',
      '/items/7//x',
      '/x/../y'.replace('/../', '/%2e/'),
      '//?debug=1',
      '/deep/er/?debug=',
    ];
    const arrived = await Promise.all(paths.map((path) => seen(path)));
    // A sidecar sees to dot segments before anything else: /x/./y is /x/y.
    expect(arrived).to.deep.equal(paths.map((path) => path.replace('/%2e/', '/')));
    expect(await seen('//canary//x', { 'x-canary': 'yes' })).to.equal('//canary//x');
  });

  it('have the rewrite in place of the prefix or of the exact path', async () => {
    await declare([
      { name: 'a', path: '/old', rewritePrefix: '/' },
      { name: 'b', path: '/index', rewritePrefix: '/index.html' },
      { name: 'c', pathPrefix: '/strip/', rewritePrefix: '/' },
      { name: 'd', pathPrefix: '/bare', rewritePrefix: '/' },
      { name: 'e', pathPrefix: '/short/', rewritePrefix: '/much/longer/' },
      { name: 'f', pathPrefix: '/much/longer/', rewritePrefix: '/s/' },
      { name: 'g', pathPrefix: '/a(b)+/', rewritePrefix: '/' },
      { name: 'h', path: '/login.do', methods: ['GET'], query: [{ name: 'old', present: true }], rewritePrefix: '/' },
      { name: 'i', pathPrefix: '/', headers: [{ name: 'x-v2', present: true }], rewritePrefix: '/v2/' },
    ]);
    const table: [string, string][] = [
      ['/old', '/'],
      ['/old?a=1', '/?a=1'],
      ['/old/', '/old/'],
      ['/older', '/older'],
      ['/index?x', '/index.html?x'],
      ['/strip/', '/'],
      ['/strip/x/y?z', '/x/y?z'],
      ['/strip//x', '//x'],
      ['/strip', '/strip'],
      ['/bare', '/'],
      ['/bare?q', '/?q'],
      ['/bare/x', '/x'],
      ['/short/x', '/much/longer/x'],
      ['/much/longer/x?y=/much/longer/', '/s/x?y=/much/longer/'],
      ['/a(b)+/c', '/c'],
      ['/login.do?old=1', '/?old=1'],
      ['/login_do?old=1', '/login_do?old=1'],
    ];
    const arrived = await Promise.all(table.map(async ([asked]) => [asked, await seen(asked)]));
    expect(arrived).to.deep.equal(table);
    expect(await seen('/x', { 'x-v2': '1' })).to.equal('/v2/x');
    expect(await seen('//x', { 'x-v2': '1' })).to.equal('/v2//x');
  });
});
