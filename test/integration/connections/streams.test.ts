import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Traffic } from '../../../crds/traffic.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type StreamingApp, get, startStreamingApp, upgrade } from '../../support/rigs/streaming-app.ts';
import { type Member, type TrafficRig, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** Longer than the 15 s which are Envoy's own for a request. */
const LONG_MS = 16_500;

/** Timeouts and idle limits: real Consul, real Envoys; a pod that calls a machine, and a machine that calls a pod. */
describe('long answers and streams through real Envoys', function () {
  this.timeout(120_000);
  let rig: TrafficRig;
  let app: StreamingApp;
  let rpc: http2.Http2Server;
  let callee: Member;
  let caller: Member;
  let rpcCaller: Member;
  /** The callers' local ports: of a machine's service, of a pod's, of one that speaks gRPC. */
  let ports: { vm: number; pod: number; rpc: number };

  const traffics = new Map<string, Traffic>();
  const declare = async (traffic: Traffic): Promise<void> => {
    for (const name of ['on-vm', 'on-pod'] as const) {
      traffics.set(name, traffic);
      await rig.declare(name, { protocol: 'http', access: [{ from: 'caller' }], traffic });
    }
    await rig.declare('rpc', { protocol: 'grpc', access: [{ from: 'caller' }], traffic });
  };
  const routesTo = async (service: string, member: Member): Promise<Resource | undefined> =>
    (await dumpOf(member)).filter((found) => found.name === service && found.virtual_hosts).at(-1);
  /** The limits of the route for all paths, in the caller's Envoy. */
  const callersRoute = async (): Promise<Limits> =>
    (await routesTo('on-vm', caller))!.virtual_hosts![0]!.routes.at(-2)!.route!;
  const until = (what: string, so: () => Promise<boolean>) => eventually(what, 20_000, so);
  const both = <T>(ask: (port: number) => Promise<T>): Promise<T[]> => Promise.all([ports.vm, ports.pod].map(ask));

  before(async () => {
    rig = await startTrafficRig();
    const [vm = 0, pod = 0, grpc = 0] = await freePorts(3);
    ports = { vm, pod, rpc: grpc };
    app = await startStreamingApp();
    rpc = http2.createServer().listen(0, '127.0.0.1');
    await once(rpc, 'listening');
    rpc.on('stream', (stream, { ':path': path }) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.write('m');
      const timer = setInterval(() => stream.write('m'), 500);
      stream.once('close', () => clearInterval(timer));
      setTimeout(() => (clearInterval(timer), stream.end()), Number(path?.slice(1)));
    });
    await declare({});
    const upstreams = [
      { service: 'on-vm', localPort: vm },
      { service: 'on-pod', localPort: pod },
      { service: 'rpc', localPort: grpc },
    ];
    await rig.declare('caller', { upstreams });
    callee = await rig.member('on-vm', 'vm', [], { appPort: app.port, accessLog: 'none' });
    await rig.member('on-pod', 'pod', [], { appPort: app.port, accessLog: 'none' });
    await rig.member('rpc', 'pod', [], { appPort: (rpc.address() as AddressInfo).port, accessLog: 'none' });
    caller = await rig.member('caller', 'pod', upstreams.slice(0, 1));
    rpcCaller = await rig.member('caller', 'vm', upstreams.slice(1));
    await until('all answer', async () => (await both((port) => get(port, '/'))).every(({ status }) => status === 200));
    await until('gRPC answers', async () => (await rpcStream(ports.rpc, 1)).trailers === '0');
  });
  after(async () => {
    app?.close();
    rpc?.close();
    await rig?.stop();
  });

  it('are whole under a timeout that is longer, or that is switched off', async () => {
    await declare({ timeout: '60s', routes: [{ name: 'events', path: '/events', timeout: '0s' }] });
    await until('the route is there', async () => JSON.stringify(await dumpOf(caller)).includes('"/events"'));
    await rig.declare('rpc', { protocol: 'grpc', access: [{ from: 'caller' }], traffic: { timeout: '0s' } });
    await until('calls of rpc have no limit', async () =>
      JSON.stringify(await routesTo('rpc', rpcCaller)).includes('"timeout":"0s"'),
    );
    const count = LONG_MS / 500;
    const [slow, events, calls] = await Promise.all([
      both((port) => get(port, `/slow?ms=${LONG_MS}`)),
      both((port) => get(port, `/events?count=${count}&ms=500`)),
      rpcStream(ports.rpc, LONG_MS),
    ]);
    for (const { status, body, ms } of slow) {
      expect([status, body]).to.deep.equal([200, 'done']);
      expect(ms).to.be.within(LONG_MS, LONG_MS + 2000);
    }
    for (const { whole, body } of events) expect([whole, body.match(/data/g)?.length]).to.deep.equal([true, count]);
    expect(calls.trailers).to.equal('0');
    expect(calls.ms).to.be.at.least(LONG_MS);
  });

  it('end at the timeout of their route, answers that have begun as well, while a WebSocket goes on', async () => {
    await declare({ timeout: '1s', retries: { attempts: 0 } });
    await until('it is there', async () => (await get(ports.vm, '/slow?ms=1500')).status === 504);
    await until('it is there', async () => (await get(ports.pod, '/slow?ms=1500')).status === 504);
    const [events, echoes] = await Promise.all([
      both((port) => get(port, '/events?count=30&ms=100')),
      both(async (port) => {
        const socket = await upgrade(port);
        const early = await Promise.race([socket.ended, later(2500).then(() => 'open')]);
        const echoed = await socket.echo('ping');
        socket.close();
        return [early, echoed];
      }),
    ]);
    for (const { whole, ms } of events) {
      expect(whole).to.equal(false);
      expect(ms).to.be.within(900, 2500);
    }
    expect(echoes).to.deep.equal([
      ['open', 'ping'],
      ['open', 'ping'],
    ]);
  });

  it('end when nothing moves for as long as idleTimeout, and not while something does', async () => {
    await declare({ timeout: '0s', idleTimeout: '1s' });
    await until('it is there', async () => (await callersRoute()).idle_timeout === '1s');
    await until('it is there', async () => (await get(ports.pod, '/slow?ms=3000')).status === 504);
    const results = await both(async (port) => {
      const socket = await upgrade(port);
      // Half as long as the limit, four times.
      const echoed: (string | undefined)[] = [];
      for (const text of ['a', 'b', 'c', 'd']) {
        await later(500);
        echoed.push(await socket.echo(text));
      }
      const lively = get(port, '/events?count=8&ms=400');
      const silent = get(port, '/events?count=2&ms=6000');
      return [echoed.join(''), await socket.ended, await lively, await silent] as const;
    });
    for (const [echoed, ended, lively, silent] of results) {
      expect(echoed).to.equal('abcd');
      expect(ended).to.be.within(2500, 5500);
      expect([lively.whole, silent.whole]).to.deep.equal([true, false]);
      expect(silent.ms).to.be.within(900, 4000);
    }
  });

  it('have no limit but those of the caller: the callee keeps none, neither of time nor of silence', async () => {
    await declare({ timeout: '0s', idleTimeout: '0s' });
    await until('the caller has none', async () => (await callersRoute()).idle_timeout === '0s');
    expect(await callersRoute()).to.include({ timeout: '0s', idle_timeout: '0s' });
    const listener = (await dumpOf(callee)).find(
      ({ name, filter_chains }) => name?.startsWith('public_listener') && filter_chains,
    );
    const manager = JSON.stringify(listener);
    expect(manager).to.include('"timeout":"31536000s","idle_timeout":"0s"');
    await declare({ timeout: '20m' });
    await until('the caller hears', async () => (await callersRoute()).timeout === '1200s');
    expect(await callersRoute()).to.include({ idle_timeout: '1200s' });
    await declare({});
    await until('the caller hears', async () => (await callersRoute()).timeout === '15s');
    expect(await callersRoute()).to.not.have.property('idle_timeout');
  });
});

interface Limits {
  timeout?: string;
  idle_timeout?: string;
}
interface Resource {
  name?: string;
  filter_chains?: unknown;
  virtual_hosts?: { routes: { route?: Limits }[] }[];
}

/** Every listener and route configuration that Envoy has. */
async function dumpOf(member: Member): Promise<Resource[]> {
  const { configs } = JSON.parse(await member.admin('/config_dump')) as { configs: object[] };
  const found: Resource[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const resource = value as Resource;
    if (resource.filter_chains !== undefined || resource.virtual_hosts !== undefined) found.push(resource);
    else Object.values(value).forEach(walk);
  };
  walk(configs);
  return found;
}

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One call of a server that streams, as gRPC's over HTTP/2; trailers undefined: it was cut. */
function rpcStream(port: number, ms: number): Promise<{ trailers: string | undefined; ms: number }> {
  const began = performance.now();
  return new Promise((resolve) => {
    const client = http2.connect(`http://127.0.0.1:${port}`);
    let trailers: string | undefined;
    const end = (): void => (client.destroy(), resolve({ trailers, ms: performance.now() - began }));
    client.on('error', end);
    const stream = client.request({
      ':method': 'POST',
      ':path': `/${ms}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('trailers', ({ 'grpc-status': status }) => (trailers = String(status)));
    stream.on('error', end);
    stream.on('close', end);
    stream.resume();
    stream.end();
  });
}
