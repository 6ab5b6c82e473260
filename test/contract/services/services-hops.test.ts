import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { expect } from 'chai';
import { post } from '../../support/rigs/sample-chain.ts';
import { killSamples, startSample } from '../../support/rigs/sample-process.ts';

/** Servers that a mesh may put in a service's place. Closed after each test. */
const servers: { close: () => unknown; closeAllConnections?: () => void }[] = [];

async function standIn(listener: RequestListener): Promise<string> {
  return listening(createServer(listener));
}

async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  servers.push(server);
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}

/** An address at which nobody listens. */
async function nobody(): Promise<string> {
  const url = await listening(createTcpServer());
  await new Promise((done) => (servers.pop() as Server).close(done));
  return url;
}

describe('a hop that does not hold', () => {
  afterEach(async () => {
    await killSamples();
    for (const server of servers.splice(0)) {
      server.closeAllConnections?.();
      server.close();
    }
  });

  const proxyAnswer: RequestListener = (_, response) => response.writeHead(503).end('upstream connect error');
  const silent: RequestListener = () => undefined;
  const drops: RequestListener = (request) => void request.socket.destroy();

  const failures: [what: string, upstream: () => Promise<string>, status: number, cause: RegExp][] = [
    ['refuses connections', nobody, 502, /refused/],
    ['drops the connection', () => standIn(drops), 502, /closed|reset|no bytes|EOF/i],
    [
      'is answered for by a proxy',
      () => standIn(proxyAnswer),
      502,
      /a proxy on the way answered 503: upstream connect error/,
    ],
    ['does not answer in time', () => standIn(silent), 504, /no answer .*in 1500 ms/],
  ];

  for (const [what, upstream, status, cause] of failures) {
    it(`is named by the frontend when sub-svc ${what}`, async () => {
      const frontend = await startSample('frontend', { SUB_SVC_ADDR: await upstream(), UPSTREAM_TIMEOUT_MS: '1500' });
      const answer = await post(`${frontend.url}/api/v1/compute`, '3-2');
      expect(answer.status).to.equal(status);
      expect(answer.json).to.include({ hop: 'frontend -> sub-svc' });
      expect(answer.json.cause).to.match(cause);
      expect(frontend.log().some((line) => line.message === 'request failed')).to.equal(true);
    });

    it(`is named by the api-gateway when the frontend ${what}`, async () => {
      const gateway = await startSample('api-gateway', { FRONTEND_ADDR: await upstream(), REQUEST_TIMEOUT_MS: '1500' });
      const answer = await post(`${gateway.url}/api/v1/compute`, '3-2');
      expect(answer.status).to.equal(status);
      expect(answer.json).to.include({ hop: 'api-gateway -> frontend' });
      expect(answer.json.cause).to.match(cause);
      expect(answer.headers.get('x-served-by')).to.match(/^api-gateway;/);
    });
  }

  it('is named by the edge when nobody listens behind it', async () => {
    const edge = await startSample('edge', { API_GATEWAY: (await nobody()).slice('http://'.length) });
    const answer = await post(`${edge.url}/api/v1/compute`, '3-2');
    expect(answer.status).to.equal(502);
    expect(answer.json).to.include({ hop: 'edge -> api-gateway' });
    expect(answer.headers.get('x-served-by')).to.match(/^edge;/);
  });

  it('fails a call that a proxy on the way answers with 200 and something else', async () => {
    const frontend = await startSample('frontend', {
      ADD_SVC_ADDR: await standIn((_, response) => response.end('welcome')),
    });
    const answer = await post(`${frontend.url}/api/v1/compute`, '3+2');
    expect(answer.status).to.equal(502);
    expect(answer.json.cause).to.equal('a proxy on the way answered 200: welcome');
  });

  it('is asked once by default and twice with UPSTREAM_RETRIES=1', async () => {
    for (const retries of [0, 1]) {
      let asked = 0;
      const upstream = await standIn((request) => {
        asked += 1;
        request.socket.destroy();
      });
      const frontend = await startSample('frontend', { ADD_SVC_ADDR: upstream, UPSTREAM_RETRIES: String(retries) });
      expect((await post(`${frontend.url}/api/v1/compute`, '1+1')).status).to.equal(502);
      expect(asked).to.equal(1 + retries);
    }
  });

  it('gets a POST once from the edge, even when the connection breaks', async () => {
    let asked = 0;
    const upstream = await standIn((request) => {
      asked += 1;
      request.resume().once('end', () => request.socket.destroy());
    });
    const edge = await startSample('edge', { API_GATEWAY: upstream.slice('http://'.length) });
    expect((await post(`${edge.url}/api/v1/compute`, '1+1')).status).to.equal(502);
    expect(asked).to.equal(1);
  });

  it('is not waited for once the client is gone', async () => {
    let gone: () => void;
    const upstreamLeft = new Promise<void>((resolve) => (gone = resolve));
    const upstream = await standIn((request) => void request.socket.once('close', () => gone()));
    const frontend = await startSample('frontend', { ADD_SVC_ADDR: upstream, UPSTREAM_TIMEOUT_MS: '60000' });
    const left = await fetch(`${frontend.url}/api/v1/compute`, {
      method: 'POST',
      body: '1+1',
      signal: AbortSignal.timeout(200),
    }).catch((error: Error) => error);
    expect(left).to.be.instanceOf(Error);
    await upstreamLeft;
  });

  for (const [name, env, says] of [
    ['frontend', { ADD_SVC_ADDR: 'localhost:9191' }, /ADD_SVC_ADDR must look like http:\/\/host:port/],
    ['frontend', { UPSTREAM_RETRIES: '2' }, /UPSTREAM_RETRIES must be a number from 0 to 1/],
    ['frontend', { DRAIN_SECONDS: 'soon' }, /DRAIN_SECONDS must be/],
    ['api-gateway', { FRONTEND_ADDR: 'localhost:9292' }, /FRONTEND_ADDR must look like/],
    ['api-gateway', { REQUEST_TIMEOUT_MS: '0' }, /REQUEST_TIMEOUT_MS must be milliseconds/],
    ['add-svc', { DRAIN_SECONDS: '-1' }, /DRAIN_SECONDS must be seconds/],
    ['sub-svc', { DRAIN_SECONDS: '-1' }, /DRAIN_SECONDS must be seconds/],
    ['edge', { INSTANCE_NAME: 'a;b' }, /INSTANCE_NAME is 'a;b', which cannot be used/],
  ] as const) {
    it(`does not come up on ${name} with ${JSON.stringify(env)}, which is said`, async () => {
      const failure = await startSample(name, env).then(
        () => undefined,
        (error: Error) => error,
      );
      expect(failure?.message).to.match(says);
    });
  }
});
