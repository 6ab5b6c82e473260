import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';

import { expect } from 'chai';

import { localCheckSpec as checkSpec } from '../../../../mesh/outside/check-spec.ts';
import { runCheck } from '../../../../checks/check.ts';
import type { CheckResult } from '../../../../checks/result.ts';
import { type Checked, UNCHECKED, afterCheck, startCheckLoop } from '../../../../agent/instances/check-loop.ts';
import { fakeClock } from '../fake-clock.ts';

const ok: CheckResult = { ok: true, output: 'fine' };
const bad: CheckResult = { ok: false, output: 'bad' };
const run = (results: CheckResult[], thresholds = { failures: 1, successes: 1 }): Checked =>
  results.reduce((checked, result) => afterCheck(checked, result, thresholds), UNCHECKED);

describe('the state of a check', () => {
  it('follows the first result before any threshold is reached', () => {
    expect(run([ok], { failures: 3, successes: 3 }).state).to.equal('passing');
    expect(run([bad], { failures: 3, successes: 3 }).state).to.equal('critical');
  });

  it('turns with one result by default', () => {
    expect(run([ok, bad])).to.deep.equal({ state: 'critical', output: 'bad', against: 0 });
    expect(run([ok, bad, ok]).state).to.equal('passing');
  });

  it('turns only after as many results in a row as are asked for', () => {
    const patient = { failures: 3, successes: 2 };
    expect(run([ok, bad, bad], patient).state).to.equal('passing');
    expect(run([ok, bad, bad, ok, bad, bad], patient).state).to.equal('passing');
    expect(run([ok, bad, bad, bad], patient).state).to.equal('critical');
    expect(run([bad, ok], patient).state).to.equal('critical');
    expect(run([bad, ok, ok], patient).state).to.equal('passing');
  });
});

describe('a check loop', () => {
  it('checks at once, then every interval, and never twice at a time', async () => {
    const clock = fakeClock();
    const starts: number[] = [];
    let tookMs = 0;
    const loop = startCheckLoop({
      run: async () => {
        starts.push(clock.steady());
        await new Promise<void>((resolve) => clock.after(tookMs, resolve));
        return ok;
      },
      intervalMs: 1000,
      thresholds: { failures: 1, successes: 1 },
      clock,
      heard: () => {},
    });
    await clock.advance(2100);
    expect(starts).to.deep.equal([0, 1000, 2000]);
    tookMs = 1500;
    await clock.advance(3500);
    expect(starts.slice(3)).to.deep.equal([3000, 4500]);
    loop.stop();
    await clock.advance(10_000);
    expect(starts).to.have.length(5);
    expect(loop.checked().state).to.equal('passing');
  });
});

describe('a check of an app', () => {
  let answer = 200;
  const server = createServer((request, response) => {
    if (request.url === '/hang') return;
    if (request.url === '/endless') {
      response.writeHead(200);
      const writing = setInterval(() => response.write('x'.repeat(1000)), 5);
      response.on('close', () => clearInterval(writing));
      return;
    }
    response.writeHead(answer).end();
  });
  const silent = createTcpServer();
  let port = 0;
  let silentPort = 0;
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
    silentPort = (silent.address() as { port: number }).port;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    silent.close();
  });
  const http = (path: string, timeoutMs = 1000) => checkSpec.parse({ type: 'http', path, timeoutMs });
  const tcp = checkSpec.parse({ type: 'tcp', timeoutMs: 300 });

  for (const [status, passes] of [
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [400, false],
    [404, false],
    [503, false],
  ] as const) {
    it(`by HTTP ${passes ? 'passes' : 'fails'} with ${status}`, async () => {
      answer = status;
      const result = await runCheck(http('/'), port);
      expect(result.ok).to.equal(passes);
      expect(result.output).to.match(new RegExp(`^GET 127\\.0\\.0\\.1:${port}/: ${status}`));
    });
  }

  it('by HTTP fails in time when the app accepts and says nothing', async () => {
    const result = await runCheck(http('/hang', 200), port);
    expect(result).to.deep.equal({ ok: false, output: `GET 127.0.0.1:${port}/hang: no answer within 200 ms` });
  });

  it('by HTTP fails when no request can have the path, and says so', async () => {
    for (const [path, shown] of [
      ['/health check', '/health check'],
      ['/zdravíčko', '/zdravíčko'],
      ['/a\nb', '/a b'],
    ])
      expect(await runCheck(checkSpec.parse({ type: 'http', path }), port)).to.deep.equal({
        ok: false,
        output: `GET 127.0.0.1:${port}${shown}: Request path contains unescaped characters`,
      });
  });

  it('by HTTP does not wait for an endless body', async () => {
    // A test that waits fails by its timeout.
    expect((await runCheck(http('/endless'), port)).ok).to.equal(true);
  });

  it('by TCP passes when something accepts, and fails when nothing listens', async () => {
    expect((await runCheck(tcp, silentPort)).ok).to.equal(true);
    const closed = createTcpServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const free = (closed.address() as { port: number }).port;
    await new Promise((resolve) => closed.close(resolve));
    expect(await runCheck(tcp, free)).to.deep.equal({ ok: false, output: `TCP 127.0.0.1:${free}: connection refused` });
    expect((await runCheck(http('/'), free)).output).to.equal(`GET 127.0.0.1:${free}/: connection refused`);
  });

  for (const [kind, spec] of [
    ['TCP', tcp],
    ['HTTP', http('/')],
    ['a program', checkSpec.parse({ type: 'exec', command: ['/bin/true'] })],
  ] as const)
    it(`by ${kind} names the address of an app that listens, and not where its sidecar calls it`, async () => {
      const app = createTcpServer();
      await new Promise<void>((resolve) => app.listen(0, '127.0.0.2', resolve));
      const { port: there } = app.address() as { port: number };
      const { output } = await runCheck(spec, there);
      await new Promise((resolve) => app.close(resolve));
      expect(output).to.match(/connection refused: an app listens on /);
      expect(output.replace(/.*an app/, 'an app')).to.equal(
        `an app listens on 127.0.0.2:${there}, and the sidecar calls 127.0.0.1: let it listen on 127.0.0.1 or 0.0.0.0`,
      );
    });

  it('by HTTP asks a health port of its own, and then wants a connection at the port of the app', async () => {
    answer = 200;
    const at = (path: string) => checkSpec.parse({ type: 'http', path, port, timeoutMs: 1000 });
    expect(await runCheck(at('/'), silentPort)).to.deep.equal({ ok: true, output: `GET 127.0.0.1:${port}/: 200 OK` });
    const closed = createTcpServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const free = (closed.address() as { port: number }).port;
    await new Promise((resolve) => closed.close(resolve));
    const unheard = await runCheck(at('/'), free);
    expect(unheard.ok).to.equal(false);
    expect(unheard.output).to.match(
      new RegExp(`^port ${port} is well, but TCP 127\\.0\\.0\\.1:${free}: connection refused: give the port`),
    );
    answer = 503;
    expect((await runCheck(at('/'), silentPort)).output).to.match(new RegExp(`^GET 127.0.0.1:${port}/: 503`));
  });
});
