import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { ConsulDenied, ConsulRefused, ConsulUnavailable } from '../../../../clients/consul/errors.ts';
import { type Transport, openTransport } from '../../../../clients/consul/transport.ts';

type Answer = (req: IncomingMessage, res: ServerResponse) => void;

interface Listening {
  address: string;
  /** `METHOD URL` of every request. */
  seen: string[];
  tokens: (string | undefined)[];
  connections: number;
  close(): Promise<void>;
}

const json =
  (value: unknown, status = 200): Answer =>
  (_req, res) => {
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
const text =
  (sentence: string, status: number): Answer =>
  (_req, res) => {
    res.writeHead(status, { 'content-type': 'text/plain' }).end(sentence);
  };

async function listen(answer: Answer, host = '127.0.0.1'): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((req, res) => {
    listening.seen.push(`${req.method} ${req.url}`);
    listening.tokens.push(req.headers['x-consul-token'] as string | undefined);
    answer(req, res);
  });
  server.on('connection', (socket: Socket) => {
    listening.connections++;
    sockets.add(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const listening: Listening = {
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    seen: [],
    tokens: [],
    connections: 0,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return listening;
}

const caught = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.fail('it did not fail') as never,
    (error: unknown) => error as Error,
  );

describe('Consul transport', () => {
  const open: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const closable of open.splice(0)) await closable.close();
  });
  const server = async (answer: Answer, host?: string): Promise<Listening> => {
    const listening = await listen(answer, host);
    open.push(listening);
    return listening;
  };
  const client = (addresses: string[], more: object = {}): Transport => {
    const transport = openTransport({ addresses, scheme: 'http', requestTimeoutMs: 500, ...more });
    open.push(transport);
    return transport;
  };
  /** An address at which nobody listens. */
  const nobody = async (): Promise<string> => {
    const listening = await listen(json(null));
    await listening.close();
    return listening.address;
  };

  const get = { method: 'GET', path: '/x' } as const;
  const put = { method: 'PUT', path: '/x', body: {} } as const;

  it('asks the next server when one refuses the connection, and stays with the one that answered', async () => {
    const alive = await server(json('ok'));
    const transport = client([await nobody(), alive.address]);
    for (let i = 0; i < 3; i++) expect((await transport.send(get)).body).to.equal('ok');
    expect(alive.seen).to.deep.equal(['GET /v1/x', 'GET /v1/x', 'GET /v1/x']);
    // The dead one would be tried first each time if the client did not stay: kill the other and see whose turn it is.
    await alive.close();
    expect((await caught(transport.send(get))).message).to.match(
      new RegExp(`servers? could serve.*: ${alive.address}`),
    );
  });

  it('asks the next server when one has no leader, even for a write', async () => {
    const lost = await server(text('No cluster leader', 500));
    const alive = await server(json(true));
    const reply = await client([lost.address, alive.address]).send({ ...put, repeatable: true });
    expect(reply.body).to.equal(true);
    expect(lost.seen).to.have.length(1);
  });

  it('keeps its connection', async () => {
    const alive = await server(json('ok'));
    const transport = client([alive.address]);
    for (let i = 0; i < 5; i++) await transport.send(get);
    expect(alive.connections).to.equal(1);
  });

  it('gives up at the timeout, and says after how long', async () => {
    const silent = await server(() => undefined);
    const error = await caught(client([silent.address], { requestTimeoutMs: 60 }).send(get));
    expect(error).to.be.instanceOf(ConsulUnavailable).and.include({ kind: 'retry' });
    expect(error.message).to.include(`${silent.address} did not answer within 60 ms`);
  });

  it('gives up on an answer that is cut in the middle', async () => {
    const cut = await server((_req, res) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      res.write('{"half":', () => res.destroy());
    });
    expect(await caught(client([cut.address], { requestTimeoutMs: 60 }).send(get))).to.be.instanceOf(ConsulUnavailable);
  });

  it('never sends a write twice that may have been done, unless told that it may', async () => {
    const silent = await server(() => undefined);
    const second = await server(json(true));
    const transport = (): Transport => client([silent.address, second.address], { requestTimeoutMs: 60 });
    const error = await caught(transport().send(put));
    expect(error.message).to.match(/may or may not be done/);
    expect(second.seen).to.deep.equal([]);
    expect((await transport().send({ ...put, repeatable: true })).body).to.equal(true);
    expect((await transport().send(get)).body).to.equal(true);
  });

  /** Answers nothing at first, as a server does that handed the request to a leader that is gone. */
  const silentAtFirst = (times: number): Promise<Listening> =>
    server((req, res) => void (times-- > 0 || json('ok')(req, res)));
  const patient = { requestTimeoutMs: 5000, askAgainMs: 100 };

  it('sends a request again by a new connection while the first stays without an answer', async () => {
    const consul = await silentAtFirst(2);
    const reply = await client([consul.address], patient).send({ ...put, repeatable: true });
    expect(reply.body).to.equal('ok');
    expect(consul.seen).to.have.length(3);
    expect(consul.connections).to.equal(3);
  });

  it('ends the tries that got no answer as soon as one has an answer', async () => {
    const ended: string[] = [];
    let times = 1;
    const consul = await server((req, res) => {
      req.socket.on('close', () => ended.push('closed'));
      if (times-- <= 0) json('ok')(req, res);
    });
    await client([consul.address], patient).send(get);
    await eventually('the first connection is closed', 1000, async () => ended.length > 0);
  });

  it('waits for the answer to a write that must not be sent twice, and to a blocking query', async () => {
    const consul = await server((req, res) => void setTimeout(() => json('ok')(req, res), 400));
    const transport = client([consul.address], patient);
    await Promise.all([transport.send(put), transport.send({ ...get, query: { index: '7', wait: '1s' } })]);
    expect(consul.seen).to.have.length(2);
  });

  it('makes at most eight further tries at once, however many requests wait', async () => {
    const consul = await server((req, res) => void setTimeout(() => json('ok')(req, res), 600));
    const transport = client([consul.address], patient);
    await Promise.all(Array.from({ length: 14 }, () => transport.send(get)));
    expect(consul.seen).to.have.length(14 + 8);
  });

  it('sends a read again when the kept connection was closed under it', async () => {
    let cuts = 1;
    const flaky = await server((req, res) => (cuts-- > 0 ? req.socket.resetAndDestroy() : json('ok')(req, res)));
    expect((await client([flaky.address]).send(get)).body).to.equal('ok');
    expect(flaky.seen).to.have.length(2);
  });

  it("gives Consul's no as it is: 403 as denied, others as refused, asked-for statuses as answers", async () => {
    const lacks = `Permission denied: token with AccessorID 'a-b' lacks permission 'service:write' on "add-svc"`;
    const denied = await caught(client([(await server(text(lacks, 403))).address]).send(put));
    expect(denied)
      .to.be.instanceOf(ConsulDenied)
      .and.include({ permission: 'service:write on "add-svc"', kind: 'fix' });
    const odd = await server(text('Must provide node', 400));
    const refused = await caught(client([odd.address, odd.address]).send(put));
    expect(refused).to.be.instanceOf(ConsulRefused).and.include({ status: 400, kind: 'fix' });
    expect(refused.message).to.equal('Consul refused PUT /v1/x: Must provide node');
    expect(odd.seen, 'a no is not asked again elsewhere').to.have.length(1);
    expect((await client([odd.address]).send({ ...put, accept: [400] })).status).to.equal(400);
  });

  it('is unavailable, not refused, when a server asks for patience', async () => {
    for (const status of [429, 503]) {
      const busy = await server(text('rate limit exceeded, try again later', status));
      expect(await caught(client([busy.address]).send(get))).to.be.instanceOf(ConsulUnavailable);
    }
  });

  it('asks for the token at each request and shows neither it nor a secret, even if Consul does', async () => {
    const echo = await server((req, res) =>
      text(`bad token ${String(req.headers['x-consul-token'])} for eyJhbGciOi`, 400)(req, res),
    );
    let token: string | undefined = 'first-secret';
    const transport = client([echo.address], { token: () => token });
    for (const secret of ['first-secret', 'second-secret']) {
      token = secret;
      const error = await caught(transport.send({ ...put, secrets: ['eyJhbGciOi'] }));
      expect(error.message).to.include('bad token <redacted> for <redacted>');
    }
    token = undefined;
    await caught(transport.send(put));
    await caught(transport.send({ ...put, token: 'third-secret' }));
    expect(echo.tokens).to.deep.equal(['first-secret', 'second-secret', undefined, 'third-secret']);
  });

  it('sends query and body as they are, text and braces too', async () => {
    const bodies: string[] = [];
    const echo = await server((req, res) => {
      const parts: Buffer[] = [];
      req.on('data', (part: Buffer) => parts.push(part));
      req.on('end', () => {
        bodies.push(Buffer.concat(parts).toString());
        json(true)(req, res);
      });
    });
    const transport = client([echo.address]);
    await transport.send({ method: 'PUT', path: `/kv/${encodeURIComponent('{a}')}`, body: Buffer.from('grüße {b}') });
    await transport.send({ ...put, body: [{ Node: '{c}' }], query: { filter: 'Node matches "^a\\\\.b"', cas: 0 } });
    expect(bodies).to.deep.equal(['grüße {b}', '[{"Node":"{c}"}]']);
    expect(echo.seen[0]).to.equal('PUT /v1/kv/%7Ba%7D');
    const query = new URL(`http://x${echo.seen[1]!.slice(4)}`).searchParams;
    expect([query.get('filter'), query.get('cas')]).to.deep.equal(['Node matches "^a\\\\.b"', '0']);
  });

  it('ends what is under way when its signal is aborted, and starts nothing after', async () => {
    const silent = await server(() => undefined);
    const stop = new AbortController();
    const transport = client([silent.address], { signal: stop.signal, requestTimeoutMs: 60_000 });
    const waiting = caught(transport.send(get));
    while (silent.seen.length === 0) await new Promise((next) => setImmediate(next));
    stop.abort();
    expect((await waiting).message).to.match(/the client is closing/);
    expect((await caught(transport.send(get))).message).to.match(/the client is closing/);
    expect(silent.seen).to.have.length(1);
  });

  it('reaches a server by its IPv6 address', async function () {
    const six = await server(json('ok'), '::1').catch((error: NodeJS.ErrnoException) => error);
    // The one machine on which there is nothing to show: one without IPv6.
    if (six instanceof Error) return void expect(six.code).to.be.oneOf(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);
    expect((await client([six.address]).send(get)).body).to.equal('ok');
  });

  it('wants at least one address', () => {
    expect(() => openTransport({ addresses: [] })).to.throw(/name at least one/);
  });
});
