import { execFile } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { type Http2Server, createServer } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { expect } from 'chai';

import { groupFiles } from '../../../../checks/processes.ts';
import { runCheck } from '../../../../checks/check.ts';
import { causeOf, hiddenIn } from '../../../../checks/unit-hides.ts';
import { recordOf } from '../../../../agent/envoy/process-record.ts';
import { checkSpec, localCheckSpec } from '../../../../mesh/outside/check-spec.ts';

const exec = (command: string[], timeoutMs = 5000) => localCheckSpec.parse({ type: 'exec', command, timeoutMs });

describe('a check by a program', () => {
  /** The app. */
  const app = createTcpServer((socket) => socket.end());
  let port = 0;
  before(async () => {
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    ({ port } = app.address() as AddressInfo);
  });
  after(() => app.close());

  it('fails where the program passes and nothing takes a connection at the port, and says what to do', async () => {
    const closed = createTcpServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port: free } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    expect(await runCheck(exec(['/bin/true']), free)).to.deep.equal({
      ok: false,
      output: `the command passes, but TCP 127.0.0.1:${free}: connection refused: give the port that the app listens on, or have it listen on 127.0.0.1 or 0.0.0.0`,
    });
  });

  it('passes with exit code 0 and no other, and gives its first line', async () => {
    const sh = (script: string) => runCheck(exec(['/bin/sh', '-c', script]), port);
    expect(await sh('echo fine; echo more')).to.deep.equal({ ok: true, output: '/bin/sh: exit 0: fine' });
    expect(await sh('echo lost >&2; exit 3')).to.deep.equal({ ok: false, output: '/bin/sh: exit 3: lost' });
    expect(await sh('kill -9 $$')).to.deep.equal({ ok: false, output: '/bin/sh: SIGKILL' });
  });

  it('knows the port and nothing else of the agent', async () => {
    process.env['AGENT_SECRET'] = 'x';
    const { output } = await runCheck(exec(['/bin/sh', '-c', 'echo "$LANDBRIDGE_PORT $AGENT_SECRET."']), port);
    delete process.env['AGENT_SECRET'];
    expect(output).to.equal(`/bin/sh: exit 0: ${port} .`);
  });

  it('that takes too long is killed with all that it started', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'landbridge-check-'));
    const script = `sleep 60 & echo $! >${folder}/pid; wait`;
    expect(await runCheck(exec(['/bin/sh', '-c', script], 500), 1)).to.deep.equal({
      ok: false,
      output: '/bin/sh: not done within 500 ms',
    });
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
    await rm(folder, { recursive: true });
    const endMs = performance.now() + 5000;
    while ((await recordOf(pid)) !== undefined && performance.now() < endMs)
      await new Promise((r) => setTimeout(r, 20));
    expect(await recordOf(pid)).to.equal(undefined);
  });

  const alive = async (folder: string): Promise<number[]> => {
    const pids = (await readFile(join(folder, 'pids'), 'utf8')).split('\n').filter((pid) => pid !== '');
    expect(pids.length, 'processes that were started').to.be.greaterThan(0);
    const records = await Promise.all(pids.map((pid) => recordOf(Number(pid))));
    return records.flatMap((record) => record?.pid ?? []);
  };
  const note = 'echo $$ >>$0/pids; exec sleep 605';
  for (const [what, script] of [
    ['a group of its own by timeout', `timeout 611 sh -c '${note}' $0; true`],
    ['a session of its own', `setsid sh -c '${note}' $0 & sleep 100`],
    ['nohup', `nohup sh -c '${note}' $0 >/dev/null 2>&1 & sleep 100`],
    ['a daemon by two forks', `(setsid sh -c '(${note}) & exit' $0 &) ; sleep 100`],
    ['a session without the environment', `env -i setsid sh -c 'echo $$ >>$0/pids; sleep 605' $0 & sleep 100`],
    ['thirty at once', `for i in $(seq 30); do setsid timeout 611 sh -c '${note}' $0 & done; sleep 100`],
  ] as const)
    it(`that takes too long leaves nothing behind, not even ${what}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'landbridge-check-'));
      await runCheck(exec(['/bin/sh', '-c', script, folder], 1000), 1);
      expect(await alive(folder)).to.deep.equal([]);
      await rm(folder, { recursive: true });
    });

  it('that is done in time leaves no daemon behind, and touches no process of another check', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'landbridge-check-'));
    const other = await mkdtemp(join(tmpdir(), 'landbridge-check-'));
    const slow = runCheck(exec(['/bin/sh', '-c', `setsid sh -c '${note}' $0 & sleep 2`, other], 5000), port);
    const daemon = `(setsid sh -c '(${note}) & exit' $0 &); until [ -s $0/pids ]; do sleep 0.05; done`;
    expect((await runCheck(exec(['/bin/sh', '-c', daemon, folder]), port)).ok).to.equal(true);
    expect(await alive(folder)).to.deep.equal([]);
    expect(await alive(other)).to.have.length(1);
    expect((await slow).ok).to.equal(true);
    expect(await alive(other)).to.deep.equal([]);
    await Promise.all([folder, other].map((path) => rm(path, { recursive: true })));
  });

  it('finds what the agent may have started in its own control group, under both versions', () => {
    expect(groupFiles('0::/system.slice/landbridge-agent.service\n')).to.deep.equal([
      '/sys/fs/cgroup/system.slice/landbridge-agent.service/cgroup.procs',
      '/sys/fs/cgroup/unified/system.slice/landbridge-agent.service/cgroup.procs',
    ]);
    const hybrid = '12:pids:/a\n1:name=systemd:/system.slice/landbridge-agent.service\n0::/\n';
    expect(groupFiles(hybrid)).to.include('/sys/fs/cgroup/systemd/system.slice/landbridge-agent.service/cgroup.procs');
  });

  const UNIT_MOUNTS = `24 1 8:1 / / rw - ext4 /dev/sda1 rw
25 24 0:25 /systemd/inaccessible/dir /home ro,nosuid - tmpfs tmpfs rw
26 24 8:1 /tmp/systemd-private-0f-landbridge-agent.service-x/tmp /tmp rw - ext4 /dev/sda1 rw
`;
  const UNIT = hiddenIn(UNIT_MOUNTS, 'Name:\tnode\nNoNewPrivs:\t1\n');
  const FREE = hiddenIn(
    '24 1 8:1 / / rw - ext4 /dev/sda1 rw\n25 24 0:25 / /tmp rw - tmpfs tmpfs rw\n',
    'NoNewPrivs:\t0\n',
  );
  for (const [words, output, cause] of [
    [['/home/ops/check.sh'], 'spawn /home/ops/check.sh EACCES', 'ProtectHome'],
    [['/bin/sh', '-c', '. /root/env; check'], 'exit 2', 'ProtectHome'],
    [['/opt/check'], 'cannot open "/home/app/config": Permission denied', 'ProtectHome'],
    [['/bin/sh', '-c', 'test -S /tmp/mysql.sock'], '/bin/sh: exit 1', 'PrivateTmp'],
    [['mysqladmin', 'ping'], "Can't connect through socket '/var/tmp/mysql.sock'", 'PrivateTmp'],
    [['sudo', '-n', '-u', 'app', '/bin/true'], 'effective uid is not 0', 'NoNewPrivileges'],
    [['/bin/sh', '-c', 'x && /usr/bin/sudo -n x'], 'exit 1', 'NoNewPrivileges'],
    [['/opt/homepage/check', '--sudoers'], 'exit 1: /srv/home/x is missing', undefined],
  ] as const)
    it(`of ${words.join(' ')} that fails names what the unit hides, if that is likely: ${cause ?? 'nothing'}`, () => {
      const said = causeOf([...words], output, UNIT);
      if (cause === undefined) expect(said).to.equal(undefined);
      else expect(said).to.include(`(${cause})`).and.to.include('docs/vms.md');
      expect(causeOf([...words], output, FREE)).to.equal(undefined);
    });

  it('that fails behind what a unit hides says so in its output', async () => {
    const check = `import { runCheck } from '${resolve('checks/check.ts')}';
      console.log((await runCheck({ type: 'exec', command: ['/bin/sh', '-c', 'sudo -n true'], intervalMs: 1000, timeoutMs: 5000 }, 1)).output);`;
    const args = ['--no-new-privs', process.execPath, '--import', 'tsx', '--input-type=module', '-e', check];
    const { stdout } = await promisify(execFile)('setpriv', args);
    expect(stdout).to.match(/^\/bin\/sh: exit \d+: .*; the agent's unit lets no program become another user/);
  });

  it('that is missing, or writes without end, fails its check and nothing else', async () => {
    expect(await runCheck(exec(['/nowhere/check']), 1)).to.deep.equal({
      ok: false,
      output: 'there is no program /nowhere/check',
    });
    const loud = await runCheck(exec(['/bin/sh', '-c', 'yes | head -c 5000000']), 1);
    expect(loud.output.length).to.be.lessThan(1100);
  });

  it('that the system refuses to start fails its check and nothing else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'landbridge-check-'));
    const program = join(folder, 'program');
    const writing = await open(program, 'w', 0o755);
    try {
      const outputOf = async (file: string) => (await runCheck(exec([file]), port)).output;
      expect(await outputOf(program)).to.equal('exec check: spawn ETXTBSY');
      expect(await outputOf('/etc/hostname/program')).to.equal('exec check: spawn ENOTDIR');
      expect(await outputOf(`/${'x'.repeat(300)}`)).to.equal('exec check: spawn ENAMETOOLONG');
      expect(await outputOf('/bin/true\0')).to.match(/^exec check: .*null bytes/);
    } finally {
      await writing.close();
      await rm(folder, { recursive: true });
    }
  });

  it('fails, and nothing else, while the agent has no file descriptor left', async () => {
    const script = `
      import { open } from 'node:fs/promises';
      import { runCheck } from '${new URL('../../../../checks/check.ts', import.meta.url)}';
      import { startEnvoyProcess } from '${new URL('../../../../agent/envoy/process.ts', import.meta.url)}';
      import { systemClock } from '${new URL('../../../../base/clock.ts', import.meta.url)}';
      const held = [];
      for (;;) {
        const one = await open('/dev/null').catch(() => undefined);
        if (one === undefined) break;
        held.push(one);
      }
      const check = await runCheck({ type: 'exec', command: ['/bin/true'], intervalMs: 1000, timeoutMs: 1000 }, 1);
      const options = { args: [], folder: '/', clock: systemClock, hear: () => {} };
      const envoy = await startEnvoyProcess({ command: '/bin/true', ...options }).ended;
      for (const one of held) await one.close();
      console.log(JSON.stringify({ check, envoy }));`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '--eval', script];
    const limited = ['-c', 'ulimit -n 128 && exec "$@"', 'sh', ...node];
    const { stdout } = await promisify(execFile)('/bin/sh', limited);
    expect(JSON.parse(stdout)).to.deep.equal({
      check: { ok: false, output: '/bin/true: spawn /bin/true EMFILE' },
      envoy: '/bin/true: spawn /bin/true EMFILE',
    });
  });

  it('is taken from a file of the machine, never from the network', () => {
    expect(checkSpec.safeParse({ type: 'exec', command: ['/bin/true'] }).success).to.equal(false);
  });
});

describe('a check by gRPC', () => {
  let server: Http2Server;
  /** How the server answers: trailers, and a message. */
  let says: { status?: string; message?: number[]; hang?: boolean };
  let asked: { path?: string; body: Buffer };
  const port = (): number => (server.address() as AddressInfo).port;
  const check = (service = '', timeoutMs = 1000) =>
    runCheck(localCheckSpec.parse({ type: 'grpc', service, timeoutMs }), port());

  before(async () => {
    server = createServer();
    server.on('stream', (stream, headers) => {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        asked = { path: headers[':path'], body: Buffer.concat(pieces) };
        if (says.hang) return;
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': says.status ?? '0' }));
        stream.end(says.message && Buffer.from([0, 0, 0, 0, says.message.length, ...says.message]));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => server.close());

  it('passes with SERVING and nothing else', async () => {
    for (const [status, message, ok, words] of [
      ['0', [8, 1], true, 'SERVING'],
      ['0', [8, 2], false, 'NOT_SERVING'],
      ['0', [], false, 'UNKNOWN'],
      ['5', undefined, false, 'does not know that name'],
      ['12', undefined, false, 'no health service'],
      ['7', undefined, false, 'gRPC status 7'],
    ] as const) {
      says = { status, message: message && [...message] };
      const result = await check();
      expect(result.ok, words).to.equal(ok);
      expect(result.output).to.include(`gRPC health 127.0.0.1:${port()}: `).and.to.include(words);
    }
  });

  it('asks for the service by name, as the protocol wants it written', async () => {
    says = { message: [8, 1] };
    await check('shop.Cart');
    expect(asked.path).to.equal('/grpc.health.v1.Health/Check');
    expect(asked.body).to.deep.equal(Buffer.concat([Buffer.from([0, 0, 0, 0, 11, 10, 9]), Buffer.from('shop.Cart')]));
    await check('x'.repeat(200));
    expect([...asked.body.subarray(0, 8)]).to.deep.equal([0, 0, 0, 0, 203, 10, 0xc8, 1]);
  });

  it('fails in time when the app says nothing, and when nothing listens', async () => {
    says = { hang: true };
    expect((await check('', 200)).output).to.include('no answer within 200 ms');
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const free = (closed.address() as AddressInfo).port;
    await new Promise<void>((resolve) => closed.close(() => resolve()));
    const result = await runCheck(localCheckSpec.parse({ type: 'grpc' }), free);
    expect(result).to.deep.equal({ ok: false, output: `gRPC health 127.0.0.1:${free}: connection refused` });
  });
});
