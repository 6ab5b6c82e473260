import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type TrafficRig, ask, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** Header values as users write them, through a real Consul and real Envoys to the app and back. */
describe('a header that a route sets', function () {
  this.timeout(120_000);
  let rig: TrafficRig;
  let port = 0;

  before(async () => {
    rig = await startTrafficRig();
    [port = 0] = await freePorts(1);
    await rig.declare('web', { protocol: 'http', access: [{ from: 'caller' }] });
    await rig.declare('caller', { upstreams: [{ service: 'web', localPort: port }] });
    await rig.member('web', 'vm');
    await rig.member('caller', 'pod', [{ service: 'web', localPort: port }]);
    await eventually('it answers', 30_000, async () => (await ask(port)).status === 200);
  });
  after(() => rig?.stop());

  const VALUES: Record<string, string> = {
    'x-discount': '50% off',
    'x-link': '</a%20b.css>; rel=preload',
    'x-two': '100%% sure',
    'x-command': '%REQ(host)% %ENVIRONMENT(PATH)% %START_TIME%',
    'x-end': '%',
    'x-tab': 'a\tb',
    'x-quote': '{"a": "\\b", \'c\'}',
    'x-long': 'x%'.repeat(512),
  };

  it('arrives as it was written, at the app and at the caller', async () => {
    const route = { name: 'edited', pathPrefix: '/e/', rewritePrefix: '/e/' };
    const changes = { requestHeaders: { set: VALUES }, responseHeaders: { set: VALUES } };
    await rig.declare('web', {
      ...{ protocol: 'http', access: [{ from: 'caller' }], traffic: { routes: [{ ...route, ...changes }] } },
    });
    const answer = await eventually('the route is there', 20_000, async () => {
      const found = await ask(port, '/e/x');
      return found.headers['x-discount'] === undefined ? undefined : found;
    });
    const saw = JSON.parse(String(answer.headers['x-saw'])) as Record<string, string>;
    for (const [name, value] of Object.entries(VALUES)) {
      expect(answer.headers[name], `${name} at the caller`).to.equal(value);
      expect(saw[name], `${name} at the app`).to.equal(value);
    }
  });

  it('is not found by a name that belongs to one connection, but by host, by te: trailers, and by connection in a WebSocket', async () => {
    const names = ['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding'];
    const route = (name: string, what: object) => ({
      ...{ name, pathPrefix: '/n/', rewritePrefix: '/n/', responseHeaders: { set: { 'x-by': name } } },
      headers: [{ name, ...what }],
    });
    await rig.declare('web', {
      protocol: 'http',
      access: [{ from: 'caller' }],
      traffic: {
        routes: [
          ...names.map((name) => route(name, { present: true })),
          route('host', { exact: 'other.example' }),
          { name: 'last', path: '/last', responseHeaders: { set: { 'x-by': 'last' } } },
        ],
      } as never,
    });
    await eventually('the routes are there', 20_000, async () => (await ask(port, '/last')).headers['x-by'] === 'last');
    const by = async (headers: Record<string, string>) => (await ask(port, '/n/', 'POST', headers)).headers['x-by'];
    const values = { connection: 'close', te: 'gzip', 'transfer-encoding': 'chunked' };
    for (const name of names) {
      const value = values[name as keyof typeof values] ?? 'x';
      expect(await by({ [name]: value }), name).to.equal(undefined);
    }
    expect(await by({ host: 'other.example' })).to.equal('host');
    expect(await by({ te: 'trailers' })).to.equal('te');
    const webSocket = { connection: 'upgrade', upgrade: 'websocket' };
    expect(await by(webSocket)).to.equal('connection');
  });

  it('does not keep callers from hearing of the next change', async () => {
    const edited = { name: 'e', pathPrefix: '/e/', rewritePrefix: '/e/', responseHeaders: { set: VALUES } };
    const next = { name: 'f', path: '/f', responseHeaders: { set: { 'x-next': 'yes' } } };
    await rig.declare('web', { protocol: 'http', access: [{ from: 'caller' }], traffic: { routes: [edited, next] } });
    await eventually(
      'the next change is there',
      20_000,
      async () => (await ask(port, '/f')).headers['x-next'] === 'yes',
    );
  });
});
