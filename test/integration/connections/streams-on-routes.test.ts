import { once } from 'node:events';
import http2 from 'node:http2';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Traffic } from '../../../crds/traffic.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type StreamingApp, get, startStreamingApp, upgrade } from '../../support/rigs/streaming-app.ts';
import { type Member, type TrafficRig, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** Longer than the 15 s which are Envoy's own for a request. */
const LONG_MS = 16_500;
const COUNT = LONG_MS / 500;

/** Limits that hold for some requests of a service only: real Consul, real Envoys. */
describe('time limits of routes, splits and other services through real Envoys', function () {
  this.timeout(120_000);
  let rig: TrafficRig;
  let app: StreamingApp;
  let rpc: http2.Http2Server;
  let caller: Member;
  let ports: { web: number; rpc: number };

  const declare = (name: string, traffic: Traffic, protocol: 'http' | 'grpc' = 'http') =>
    rig.declare(name, { protocol, access: [{ from: 'caller' }], traffic });
  const holds = (words: string) =>
    eventually(`the caller has ${words}`, 20_000, async () =>
      JSON.stringify(JSON.parse(await caller.admin('/config_dump'))).includes(words),
    );
  const events = (headers = {}, query = `count=${COUNT}&ms=500`) => get(ports.web, `/events?${query}`, headers);

  before(async () => {
    rig = await startTrafficRig();
    const [web = 0, grpc = 0] = await freePorts(2);
    ports = { web, rpc: grpc };
    app = await startStreamingApp();
    rpc = http2.createServer().listen(0, '127.0.0.1');
    await once(rpc, 'listening');
    rpc.on('stream', (stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.pipe(stream);
    });
    await declare('other', { timeout: '700ms' });
    await declare('web', {});
    await declare('rpc', {}, 'grpc');
    const upstreams = [
      { service: 'web', localPort: web },
      { service: 'rpc', localPort: grpc },
    ];
    await rig.declare('caller', { upstreams });
    const own = { appPort: app.port, accessLog: 'none' as const };
    await rig.member('web', 'pod', [], own);
    await rig.member('other', 'vm', [], own);
    await rig.member('rpc', 'vm', [], { ...own, appPort: (rpc.address() as AddressInfo).port });
    caller = await rig.member('caller', 'pod', upstreams);
    await eventually('the service answers', 20_000, async () => (await get(web, '/')).status === 200);
    await eventually('gRPC answers', 20_000, async () => (await echoes(grpc, 1)).trailers === '0');
  });
  after(async () => {
    app?.close();
    rpc?.close();
    await rig?.stop();
  });

  it('lets a stream go on whose route is found by a header, a query, a method or an expression alone', async () => {
    const none = { timeout: '0s' };
    await declare('web', {
      timeout: '1s',
      routes: [
        { name: 'header', headers: [{ name: 'accept', exact: 'text/event-stream' }], ...none },
        { name: 'query', query: [{ name: 'follow', present: true }], ...none },
        { name: 'expression', pathRegex: '/ev[a-z]+s', methods: ['OPTIONS'], ...none },
      ],
    });
    await holds('"follow"');
    const [byHeader, byQuery, byMethod, other] = await Promise.all([
      events({ accept: 'text/event-stream' }),
      events({}, `count=${COUNT}&ms=500&follow=1`),
      options(ports.web, `/events?count=${COUNT}&ms=500`),
      events(),
    ]);
    for (const { whole, body } of [byHeader, byQuery])
      expect([whole, body.match(/data/g)?.length]).to.deep.equal([true, COUNT]);
    expect(byMethod).to.equal(COUNT);
    expect([other.status, other.whole]).to.deep.equal([200, false]);
    expect(other.ms).to.be.within(900, 2500);
  });

  it('keeps to the limits of the service that was asked when a route, a split or a fail over leads to another', async () => {
    await declare('web', { timeout: '0s', routes: [{ name: 'away', pathPrefix: '/events', service: 'other' }] });
    await holds('"/events"');
    const routed = await events({}, 'count=6&ms=400');
    expect([routed.whole, routed.body.match(/data/g)?.length]).to.deep.equal([true, 6]);
    await declare('web', { timeout: '0s', split: [{ service: 'other', weight: 100 }] });
    await holds('"weight":10000');
    expect(await get(ports.web, '/slow?ms=2000')).to.include({ status: 200, body: 'done' });
    await declare('web', {
      timeout: '0s',
      split: [{ subset: 'vms', weight: 100 }],
      failover: [{ from: 'vms', to: ['service:other'] }],
    });
    await eventually('the fail over serves', 20_000, async () => (await get(ports.web, '/')).status === 200);
    expect(await get(ports.web, '/slow?ms=2000')).to.include({ status: 200, body: 'done' });
  });

  it('ends no stream that is open when the limit is made shorter, and holds for the next request', async () => {
    await declare('web', { timeout: '0s' });
    await eventually('it is there', 20_000, async () => (await get(ports.web, '/slow?ms=1500')).status === 200);
    const open = events({}, 'count=20&ms=400');
    const socket = await upgrade(ports.web);
    await declare('web', { timeout: '1s', retries: { attempts: 0 }, connectTimeout: '2s' });
    await eventually('it is shorter', 20_000, async () => (await get(ports.web, '/slow?ms=1500')).status === 504);
    expect(await socket.echo('ping')).to.equal('ping');
    socket.close();
    const { whole, body } = await open;
    expect([whole, body.match(/data/g)?.length]).to.deep.equal([true, 20]);
  });

  it('counts no time while the caller still sends: a slow body, and gRPC in both directions', async () => {
    await declare('web', { timeout: '1s' });
    await declare('rpc', { timeout: '1s' }, 'grpc');
    await eventually('it is there', 20_000, async () => (await get(ports.web, '/slow?ms=1500')).status === 504);
    const [uploaded, echoed] = await Promise.all([slowUpload(ports.web, LONG_MS), echoes(ports.rpc, 8)]);
    expect(uploaded).to.equal(200);
    expect(echoed).to.deep.equal({ trailers: '0', came: 8 });
  });

  it('takes no limit from the headers of a request, and none from the deadline of a gRPC call', async () => {
    await declare('web', { timeout: '6s' });
    await declare('rpc', { timeout: '6s' }, 'grpc');
    await eventually('it is there', 20_000, async () => (await get(ports.web, '/slow?ms=5500')).status === 200);
    const names = ['x-envoy-upstream-rq-timeout-ms', 'x-envoy-expected-rq-timeout-ms'];
    for (const from of [{}, { 'x-forwarded-for': '10.1.2.3' }]) {
      const short = Object.fromEntries(names.map((name) => [name, '100']));
      const long = Object.fromEntries(names.map((name) => [name, '60000']));
      expect(await get(ports.web, '/slow?ms=1500', { ...from, ...short }), JSON.stringify(from)).to.include({
        status: 200,
      });
      expect(await get(ports.web, '/slow?ms=8000', { ...from, ...long }), JSON.stringify(from)).to.include({
        status: 504,
      });
    }
    expect((await echoes(ports.rpc, 6, { 'grpc-timeout': '100m' })).trailers).to.equal('0');
  });

  it('takes the offer of a WebSocket away before an app of HTTP/2, so that other calls on the connection go on', async () => {
    await declare('rpc', { timeout: '0s' }, 'grpc');
    await eventually('it is there', 20_000, async () => (await echoes(ports.rpc, 1)).trailers === '0');
    const going = echoes(ports.rpc, 8);
    await later(400);
    for (let turn = 0; turn < 3; turn += 1)
      expect(await upgrade(ports.rpc).catch((error: Error) => error.message)).to.equal('no upgrade: 200');
    expect(await going).to.deep.equal({ trailers: '0', came: 8 });
  });
});

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** How many events come by OPTIONS, a method that may have an answer of any length. */
function options(port: number, path: string): Promise<number> {
  return new Promise((resolve) => {
    let body = '';
    const sent = request({ host: '127.0.0.1', port, path, method: 'OPTIONS', agent: false }, (answer) => {
      answer.on('data', (part: Buffer) => (body += part.toString()));
      answer.once('close', () => resolve(answer.complete ? (body.match(/data/g)?.length ?? 0) : -1));
      answer.on('error', () => undefined);
    });
    sent.once('error', () => resolve(-1));
    sent.end();
  });
}

/** A body of which a part is sent every half second. Gives the status; 0: the connection was lost. */
function slowUpload(port: number, ms: number): Promise<number> {
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, path: '/', method: 'POST', agent: false }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.once('error', () => resolve(0));
    const timer = setInterval(() => sent.write('part'), 500);
    setTimeout(() => (clearInterval(timer), sent.end()), ms);
  });
}

/** A gRPC call that sends a byte every 400 ms, `count` of them, and gets each back. */
async function echoes(
  port: number,
  count: number,
  headers = {},
): Promise<{ trailers: string | undefined; came: number }> {
  const client = http2.connect(`http://127.0.0.1:${port}`);
  client.on('error', () => undefined);
  const stream = client.request({
    ':method': 'POST',
    ':path': '/chat',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  let trailers: string | undefined;
  let came = 0;
  const closed = new Promise<void>((resolve) => {
    stream.once('close', resolve);
    client.once('close', resolve);
  });
  stream.on('trailers', ({ 'grpc-status': status }) => (trailers = String(status)));
  stream.on('error', () => undefined);
  stream.on('data', (part: Buffer) => (came += part.length));
  for (let sent = 0; sent < count && !stream.destroyed; sent += 1) {
    stream.write('m');
    await later(400);
  }
  if (!stream.destroyed) stream.end();
  await closed;
  client.destroy();
  return { trailers, came };
}
