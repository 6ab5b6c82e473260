import { type Server, createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { expect } from 'chai';
import { probe } from '../../../checks/external.ts';
import type { CheckSpec } from '../../../mesh/outside/check-spec.ts';

const never = new AbortController().signal;
const http = (path = '/', timeoutMs = 300): CheckSpec => ({ type: 'http', path, intervalMs: 1000, timeoutMs });
const tcp = (timeoutMs = 300): CheckSpec => ({ type: 'tcp', intervalMs: 1000, timeoutMs });

describe('an active check', () => {
  let server: Server;
  let open = 0;
  const at = (check: CheckSpec, signal = never) =>
    probe({ address: '127.0.0.1', port: (server.address() as AddressInfo).port, check }, signal);

  beforeEach(async () => {
    server = createServer((request, response) => {
      const [, status, how] = request.url!.split('/');
      if (how === 'hang') return;
      response.writeHead(Number(status), how === 'redirect' ? { location: '/500' } : {});
      if (how === 'endless') return void response.write('x'.repeat(1000));
      response.end();
    });
    open = 0;
    server.on('connection', (socket) => {
      open += 1;
      socket.on('close', () => (open -= 1));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  });

  it('passes with 2xx and 3xx, follows no redirect, and fails with everything else', async () => {
    for (const [path, health] of [
      ['/200', 'passing'],
      ['/204', 'passing'],
      ['/302/redirect', 'passing'],
      ['/199', 'critical'],
      ['/404', 'critical'],
      ['/503', 'critical'],
    ] as const) {
      expect((await at(http(path))).health, path).to.equal(health);
    }
    expect((await at(http('/503'))).output).to.equal('http check: GET /503 answered 503');
  });

  it('has its answer with the status line: a body without end holds nothing up, and no connection is left', async () => {
    expect((await at(http('/200/endless'))).health).to.equal('passing');
    const endMs = performance.now() + 2000;
    while (open > 0 && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(open).to.equal(0);
  });

  it('fails within its timeout when nothing answers', async () => {
    const result = await at(http('/200/hang', 200));
    expect(result).to.deep.equal({ health: 'critical', output: 'http check: no answer within 200 ms' });
  });

  it('fails where nobody listens, and where no HTTP is spoken', async () => {
    const nobody = await probe({ address: '127.0.0.1', port: 1, check: http() }, never);
    expect(nobody.output).to.equal('http check: ECONNREFUSED');
    const other = createTcpServer((socket) => socket.on('error', () => undefined).end('220 mail.example\r\n'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const target = { address: '127.0.0.1', port: (other.address() as AddressInfo).port };
    expect((await probe({ ...target, check: http() }, never)).health).to.equal('critical');
    expect((await probe({ ...target, check: tcp() }, never)).health).to.equal('passing');
    other.close();
  });

  it('fails for a name that does not resolve', async () => {
    const result = await probe({ address: 'nobody.invalid', port: 80, check: tcp(2000) }, never);
    expect(result.health).to.equal('critical');
    expect(result.output).to.match(/^tcp check: (ENOTFOUND|EAI_AGAIN|no answer within 2000 ms)$/);
  });

  it('ends when it is stopped, long before its timeout', async () => {
    const stop = new AbortController();
    const result = at(http('/200/hang', 600_000), stop.signal);
    setTimeout(() => stop.abort(), 20);
    expect((await result).health).to.equal('critical');
    expect((await at(tcp(600_000), stop.signal)).health).to.equal('critical');
  }).timeout(30_000);
});
