import { once } from 'node:events';
import http2, { type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type Member, type TrafficRig, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** gRPC servers end connections of a certain age, and restart: real Consul, real Envoys. */
describe('a gRPC app that ends its connections', function () {
  this.timeout(90_000);
  let rig: TrafficRig;
  let app: http2.Http2Server;
  let caller: Member;
  let port = 0;
  let client: http2.ClientHttp2Session;
  const got: string[] = [];
  const sessions = new Set<http2.Http2Session>();
  let answer: (stream: ServerHttp2Stream, turn: number) => void;
  const turns = new WeakMap<http2.Http2Session, number>();

  const ok = (stream: ServerHttp2Stream): void => {
    if (stream.destroyed) return;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end('m');
  };
  const declare = (traffic: MeshServiceSpecInput['traffic']) =>
    rig.declare('rpc', { protocol: 'grpc', access: [{ from: 'caller' }], traffic });
  /** The status of one call: gRPC's where there is one, else HTTP's. */
  const call = (path: string): Promise<string> =>
    new Promise((resolve) => {
      const stream = client.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      let status = 'lost';
      stream.on('response', (headers) => {
        status = String(headers['grpc-status'] ?? `HTTP ${headers[':status']}`);
      });
      stream.on('trailers', (trailers) => (status = String(trailers['grpc-status'])));
      stream.on('error', () => undefined);
      stream.once('close', () => resolve(status));
      stream.resume();
      stream.end('question');
    });
  const inTurn = async (count: number): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (let index = 0; index < count; index += 1) {
      const status = await call(`/${index}`);
      counts[status] = (counts[status] ?? 0) + 1;
    }
    return counts;
  };
  const atOnce = async (count: number): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const status of await Promise.all(Array.from({ length: count }, (_, index) => call(`/${index}`))))
      counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  };

  before(async () => {
    rig = await startTrafficRig();
    answer = ok;
    app = http2.createServer().listen(0, '127.0.0.1');
    await once(app, 'listening');
    app.on('stream', (stream, { ':path': path }) => {
      stream.on('error', () => undefined);
      stream.resume();
      stream.once('end', () => {
        got.push(String(path));
        const { session } = stream;
        if (session === undefined) return;
        const turn = (turns.get(session) ?? 0) + 1;
        turns.set(session, turn);
        answer(stream, turn);
      });
    });
    app.on('session', (session) => {
      sessions.add(session);
      session.on('error', () => undefined);
      session.once('close', () => sessions.delete(session));
    });
    [port = 0] = await freePorts(1);
    await declare({});
    await rig.declare('caller', { upstreams: [{ service: 'rpc', localPort: port }] });
    await rig.member('rpc', 'pod', [], { appPort: (app.address() as AddressInfo).port, accessLog: 'none' });
    caller = await rig.member('caller', 'pod', [{ service: 'rpc', localPort: port }]);
    client = http2.connect(`http://127.0.0.1:${port}`);
    client.on('error', () => undefined);
    await eventually('it answers', 20_000, async () => (await call('/')) === '0');
  });
  beforeEach(() => {
    got.length = 0;
  });
  afterEach(() => {
    answer = ok;
  });
  after(async () => {
    client?.destroy();
    app?.close();
    await rig?.stop();
  });

  it('by GOAWAY after some calls, as by its largest age, loses none and gets each once', async () => {
    answer = (stream, turn) => {
      if (turn === 5) stream.session?.goaway(0, 2 ** 31 - 1);
      ok(stream);
      if (turn === 5) setTimeout(() => stream.session?.close(), 50);
    };
    expect(await inTurn(60)).to.deep.equal({ 0: 60 });
    expect(await atOnce(60)).to.deep.equal({ 0: 60 });
    expect(got).to.have.length(120);
  });

  it('by GOAWAY that refuses the calls after it, loses none and gets each once', async () => {
    answer = (stream, turn) => {
      ok(stream);
      const { session } = stream;
      if (turn !== 3 || session === undefined) return;
      session.goaway(0, stream.id);
      setTimeout(() => session.destroy(), 20);
    };
    expect(await inTurn(60)).to.deep.equal({ 0: 60 });
    // Three of them are refused: as many further tries as a caller has under way at a time.
    for (let turn = 0; turn < 10; turn += 1) expect(await atOnce(6)).to.deep.equal({ 0: 6 });
  });

  it('by not being there, as while it starts again, is asked again', async () => {
    const retries = async () =>
      Number(/upstream_rq_retry: (\d+)/.exec(await caller.admin('/stats?filter=rpc.*upstream_rq_retry$'))?.[1]);
    const { port: held } = app.address() as AddressInfo;
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => app.close(resolve));
    const before = await retries();
    expect(await inTurn(1)).to.deep.equal({ 14: 1 });
    expect((await retries()) - before).to.equal(2);
    app.listen(held, '127.0.0.1');
    await once(app, 'listening');
    expect(await inTurn(1)).to.deep.equal({ 0: 1 });
    expect(got).to.deep.equal(['/0']);
  });

  it('by refusing a stream, is asked again, since it has not begun to work on the call', async () => {
    answer = (stream, turn) => (turn % 3 === 0 ? stream.close(http2.constants.NGHTTP2_REFUSED_STREAM) : ok(stream));
    expect(await inTurn(30)).to.deep.equal({ 0: 30 });
  });

  it('by hanging up, is asked again where calls may be repeated, and not elsewhere', async () => {
    answer = (stream, turn) => (turn % 4 === 0 ? stream.session?.destroy() : ok(stream));
    const { 0: well = 0, ...lost } = await inTurn(40);
    expect(Object.keys(lost)).to.deep.equal(['14']);
    expect(well + (lost['14'] ?? 0)).to.equal(40);
    expect(new Set(got).size, 'none is sent twice').to.equal(got.length);
    await declare({ retries: { methods: 'All' } });
    await eventually('the caller hears', 20_000, async () => (await inTurn(8))['14'] === undefined);
    expect(await inTurn(40)).to.deep.equal({ 0: 40 });
  });
});
