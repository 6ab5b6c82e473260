import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer, request } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { expect } from 'chai';
import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type Member, type TrafficRig, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

type Answer = (asked: IncomingMessage, response: ServerResponse, body: string) => void;

/** Ways in which servers end their connections, through a real Consul and real Envoys. */
describe('the connection of an app that ends', function () {
  this.timeout(90_000);
  let rig: TrafficRig;
  let app: Server;
  let sidecar: Member;
  let caller: Member;
  let port = 0;
  /** Method, path and length of the body of each request that the app has got. */
  let got: string[] = [];
  let answer: Answer;
  let connected: (socket: Socket) => void;
  const turns = new WeakMap<object, number>();

  const ok: Answer = (_asked, response) => void response.end('ok');
  /** What happens at the `count`th request of each connection, and never before. */
  const atTurn =
    (count: number, then: Answer, before = ok): Answer =>
    (asked, response, body) => {
      const turn = (turns.get(asked.socket) ?? 0) + 1;
      turns.set(asked.socket, turn);
      return (turn === count ? then : before)(asked, response, body);
    };
  const ask = (method: string, path: string, body = '', headers = {}): Promise<number> =>
    new Promise((resolve) => {
      const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      });
      sent.once('error', () => resolve(0));
      sent.end(body);
    });
  const inTurn = async (count: number, method: string, body = '', pauseMs = 0): Promise<Record<number, number>> => {
    const counts: Record<number, number> = {};
    for (let index = 0; index < count; index += 1) {
      const status = await ask(method, `/${method}/${index}`, body);
      counts[status] = (counts[status] ?? 0) + 1;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return counts;
  };
  const declare = (spec: Partial<MeshServiceSpecInput> = {}) =>
    rig.declare('web', { protocol: 'http', access: [{ from: 'caller' }], ...spec });
  const holds = (words: string) =>
    eventually(`the sidecar has ${words}`, 20_000, async () => (await sidecar.admin('/config_dump')).includes(words));

  before(async () => {
    rig = await startTrafficRig();
    const [appPort = 0, localPort = 0] = await freePorts(2);
    port = localPort;
    answer = ok;
    app = createServer((asked, response) => {
      let length = 0;
      asked.on('data', (part: Buffer) => (length += part.length));
      if (asked.url === '/early') return answer(asked, response, '');
      asked.once('end', () => {
        got.push(`${asked.method} ${asked.url} ${length}`);
        answer(asked, response, '');
      });
      asked.on('error', () => undefined);
    }).listen(appPort, '127.0.0.1');
    app.keepAliveTimeout = 120_000;
    app.on('connection', (socket) => connected(socket));
    await once(app, 'listening');
    await declare();
    await rig.declare('caller', { upstreams: [{ service: 'web', localPort: port }] });
    connected = () => undefined;
    sidecar = await rig.member('web', 'vm', [], { appPort, accessLog: 'none' });
    caller = await rig.member('caller', 'pod', [{ service: 'web', localPort: port }]);
    await eventually('it answers', 20_000, async () => (await ask('GET', '/')) === 200);
    await holds('x-landbridge-lost');
  });
  beforeEach(() => {
    got = [];
    connected = () => undefined;
  });
  afterEach(() => {
    answer = ok;
  });
  after(async () => {
    app?.closeAllConnections();
    app?.close();
    await rig?.stop();
  });

  const WAYS: Record<string, Answer> = {
    'by Connection: close': atTurn(3, (_asked, response) => void response.setHeader('connection', 'close').end('ok')),
    'without a word, after an answer': atTurn(
      3,
      (asked, response) => void response.end('ok', () => asked.socket.end()),
    ),
    'one way only, after an answer': atTurn(2, (asked, response) => {
      asked.socket.allowHalfOpen = true;
      response.end('ok', () => asked.socket.end());
    }),
    'by a reset, in place of an answer': atTurn(2, (asked) => void asked.socket.resetAndDestroy()),
    'within an answer that has not begun': atTurn(4, (asked) => void asked.socket.end()),
  };
  for (const [words, way] of Object.entries(WAYS))
    it(`${words}, costs no request that may be sent twice`, async () => {
      answer = way;
      expect(await inTurn(40, 'GET')).to.deep.equal({ 200: 40 });
      expect(await inTurn(20, 'PUT', 'x'.repeat(40_000))).to.deep.equal({ 200: 20 });
      expect(got.filter((line) => line.startsWith('PUT') && !line.endsWith(' 40000'))).to.deep.equal([]);
    });

  it('by Connection: close, costs no POST either, and the app gets each once', async () => {
    answer = WAYS['by Connection: close']!;
    expect(await inTurn(40, 'POST', 'order')).to.deep.equal({ 200: 40 });
    expect(new Set(got).size).to.equal(40);
    expect(got).to.have.length(40);
  });

  it('after a pause that is longer than the keep-alive of the sidecar, costs no POST', async () => {
    connected = (socket) => socket.setTimeout(1000, () => socket.destroy());
    expect(await inTurn(12, 'POST', 'order', 700)).to.deep.equal({ 200: 12 });
    expect(got).to.have.length(12);
  });

  it('with a 408 that nobody asked for, as some servers send it, is not taken for an answer', async () => {
    connected = (socket) =>
      socket.setTimeout(200, () => socket.end('HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n'));
    expect(await inTurn(10, 'POST', 'order', 350)).to.deep.equal({ 200: 10 });
  });

  it('with an early answer to a long body, gives the caller that answer', async () => {
    // As nginx and Go do: the rest of the body is read for a while, so that no reset overtakes the answer.
    answer = ({ socket }) =>
      void socket.end('HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 8\r\n\r\ntoo long');
    for (let turn = 0; turn < 5; turn += 1) expect(await early(port)).to.equal(413);
  });

  it('carries requests that come at once on one connection of the caller, in their order', async () => {
    answer = atTurn(2, (_asked, response) => void response.setHeader('connection', 'close').end('ok'));
    const text = await pipelined(port, ['/1', '/2', '/3', '/4']);
    expect(text.match(/HTTP\/1\.1 200/g)).to.have.length(4);
    expect(got).to.deep.equal(['GET /1 0', 'GET /2 0', 'GET /3 0', 'GET /4 0']);
  });

  it('carries a body that waits for 100 Continue', async () => {
    for (let turn = 0; turn < 3; turn += 1) expect(await expecting(port)).to.equal(200);
    expect(got).to.deep.equal(['POST /expects 5', 'POST /expects 5', 'POST /expects 5']);
  });

  it('before it got any of a POST, gives that POST further tries, and none where the app may have seen it', async () => {
    const retries = async () =>
      Number(/upstream_rq_retry: (\d+)/.exec(await caller.admin('/stats?filter=web.*upstream_rq_retry$'))?.[1]);
    const tries = async (): Promise<[number, number]> => {
      const before = await retries();
      return [await ask('POST', '/x', 'order'), (await retries()) - before];
    };
    answer = (asked) => void asked.socket.resetAndDestroy();
    expect(await tries()).to.deep.equal([503, 0]);
    answer = ok;
    const { port: held } = app.address() as AddressInfo;
    app.closeAllConnections();
    await new Promise((resolve) => app.close(resolve));
    expect(await tries(), 'nothing listens').to.deep.equal([503, 2]);
    app.listen(held, '127.0.0.1');
    await once(app, 'listening');
    expect(await tries()).to.deep.equal([200, 0]);
    expect(got).to.deep.equal(['POST /x 5', 'POST /x 5']);
  });

  it('under appConnections: PerRequest costs no POST, in whichever way it ends', async () => {
    await declare({ proxy: { appConnections: 'PerRequest' } });
    await holds('max_requests_per_connection');
    for (const [words, way] of Object.entries(WAYS)) {
      answer = way;
      got = [];
      expect(await inTurn(20, 'POST', 'order'), words).to.deep.equal({ 200: 20 });
      expect(got, words).to.have.length(20);
    }
  });
});

/** A body of 20 MB that goes on being sent whatever comes. Gives the status of the answer. */
function early(port: number): Promise<number> {
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, path: '/early', method: 'POST', agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
      sent.destroy();
    });
    sent.once('error', () => resolve(0));
    const part = Buffer.alloc(1_000_000);
    let parts = 0;
    const more = (): void => {
      if (sent.destroyed || (parts += 1) > 20) return void sent.end();
      if (sent.write(part)) setImmediate(more);
      else sent.once('drain', more);
    };
    more();
  });
}

/** GET requests in one packet. Gives all that comes back. */
function pipelined(port: number, paths: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(
        paths
          .map((path, at) => {
            const last = at === paths.length - 1 ? 'connection: close\r\n' : '';
            return `GET ${path} HTTP/1.1\r\nhost: web\r\n${last}\r\n`;
          })
          .join(''),
      ),
    );
    socket.on('data', (part: Buffer) => (text += part.toString()));
    socket.once('close', () => resolve(text));
    socket.once('error', reject);
    socket.setTimeout(10_000, () => socket.destroy());
  });
}

/** A POST that sends its body after `100 Continue`. */
function expecting(port: number): Promise<number> {
  return new Promise((resolve) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path: '/expects',
        method: 'POST',
        headers: { expect: '100-continue', 'content-length': 5 },
        agent: false,
      },
      (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    sent.once('error', () => resolve(0));
    sent.once('continue', () => sent.end('order'));
    sent.flushHeaders();
  });
}
