import { once } from 'node:events';
import { connect } from 'node:net';
import { createServer } from 'node:net';
import { readFile } from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { killSamples, runSample, startSample } from '../../support/rigs/sample-process.ts';

const ask = (port: number, text: string, ...more: string[]) =>
  runSample('echo', ['--connect', `127.0.0.1:${port}`, '--text', text, ...more]);

describe('echo', () => {
  afterEach(killSamples);

  it('sends back what it is sent, and its client says so', async () => {
    const { port } = await startSample('echo');
    expect(await ask(port, 'hello')).to.deep.equal({ code: 0, stdout: 'hello\n', stderr: '' });
  });

  it('sends back any bytes, as they come, without greeting', async () => {
    const { port } = await startSample('echo');
    const socket = connect(port, '127.0.0.1');
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, at) => at % 256));
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk)).end(bytes);
    await once(socket, 'close');
    expect(Buffer.concat(received).equals(bytes)).to.equal(true);
  });

  it('greets when it has a banner, and the client shows the greeting', async () => {
    const { port } = await startSample('echo', { ECHO_BANNER: 'echo-vm on vm3' });
    expect(await ask(port, 'hello')).to.include({ code: 0, stdout: 'echo-vm on vm3\nhello\n' });
  });

  it('has a client that fails when nobody listens, nothing comes back, or something else does', async () => {
    const { port, terminate, ended } = await startSample('echo', { DRAIN_SECONDS: '0' });
    terminate();
    expect((await ended).code).to.equal(0);
    expect(await ask(port, 'x'))
      .to.have.property('stderr')
      .that.matches(/refused/);

    for (const [answer, says] of [
      ['', /closed without a reply/],
      ['HTTP/1.1 400 Bad Request\r\n', /not the text/],
    ] as const) {
      const server = createServer(
        { allowHalfOpen: true },
        (socket) => void socket.resume().once('end', () => socket.end(answer)),
      );
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      const result = await ask((server.address() as { port: number }).port, 'x');
      server.close();
      expect(result.code).to.equal(1);
      expect(result.stderr).to.match(says);
    }
  });

  it('has a client with a deadline', async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const startedMs = performance.now();
    const { code, stderr } = await ask((server.address() as { port: number }).port, 'x', '--timeout', '300ms');
    expect(performance.now() - startedMs).to.be.at.least(290);
    expect(code).to.equal(1);
    expect(stderr).to.match(/timeout/);
    server.close();
  });

  it('takes new connections during the drain, ends open ones after it, and exits 0', async () => {
    const { port, terminate, ended } = await startSample('echo', { DRAIN_SECONDS: '1' });
    const open = connect(port, '127.0.0.1');
    open.write('before ');
    expect(String((await once(open, 'data'))[0])).to.equal('before ');
    terminate();
    expect((await ask(port, 'new')).code).to.equal(0);
    open.write('during');
    expect(String((await once(open, 'data'))[0])).to.equal('during');
    await once(open, 'close');
    expect(await ended).to.deep.equal({ code: 0, signal: null });
  });
});

describe('ledger', () => {
  afterEach(killSamples);

  it('keeps entries in the order they came, and refuses other lines', async () => {
    const { url } = await startSample('ledger');
    const add = (body: string) => fetch(`${url}/entries`, { method: 'POST', body });
    expect(await (await fetch(`${url}/entries`)).json()).to.deep.equal({ entries: [] });
    expect((await add('{"text":"one"}')).status).to.equal(201);
    expect((await add('{"text":"two"}')).status).to.equal(201);
    for (const body of ['', '{}', '{"text":""}', JSON.stringify({ text: 'x'.repeat(1025) })]) {
      expect((await add(body)).status).to.equal(400);
    }
    const { entries } = (await (await fetch(`${url}/entries`)).json()) as { entries: { id: number; text: string }[] };
    expect(entries.map(({ id, text }) => [id, text])).to.deep.equal([
      [1, 'one'],
      [2, 'two'],
    ]);
    expect((await fetch(`${url}/entries`, { method: 'DELETE' })).headers.get('allow')).to.equal('GET, POST');
    expect((await fetch(`${url}/health`)).status).to.equal(200);
  });
});

describe('PORT_FILE', () => {
  afterEach(killSamples);

  for (const name of ['add-svc', 'sub-svc', 'echo', 'ledger', 'frontend', 'api-gateway'] as const) {
    it(`holds the port that ${name} chose`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'sample-port-'));
      const { port } = await startSample(name, { PORT_FILE: join(folder, 'port') });
      expect(await readFile(join(folder, 'port'), 'utf8')).to.equal(`${port}\n`);
      await rm(folder, { recursive: true });
    });
  }
});
