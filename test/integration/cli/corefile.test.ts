import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { answerAt } from '../../../cli/dns/resolvers.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { stubDomain } from '../../../mesh/names/stub-domain.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';

/** What `landbridge check` makes of a real CoreDNS. */
describe('a CoreDNS that is asked for a name of Consul', function () {
  this.timeout(120_000);
  let folder: string;
  let running: ChildProcess | undefined;
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'landbridge-coredns-'))));
  afterEach(async () => {
    if (running?.exitCode === null) {
      running.kill('SIGTERM');
      await once(running, 'exit');
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function serve(corefile: (port: number) => string): Promise<{ host: string; port: number }> {
    const [port = 0] = await freePorts(1);
    const file = join(folder, 'Corefile');
    await writeFile(file, corefile(port));
    running = spawn(await ensurePart('coredns', silent), ['-conf', file], { stdio: 'ignore' });
    await eventually('it listens', 20_000, async () => {
      const socket = connect({ host: '127.0.0.1', port });
      try {
        await once(socket, 'connect');
        return true;
      } finally {
        socket.destroy();
      }
    });
    return { host: '127.0.0.1', port };
  }
  // Where nobody listens.
  const others = (port: number): string => `.:${port} {\n    forward . 127.0.0.1:9\n}\n`;
  const problem = 'consul.service.consul gives SERVFAIL and no address';

  it('and runs without the block differs from one whose Consul does not answer', async () => {
    const answer = await answerAt(await serve(others));
    expect(answer).to.deep.equal({ problem, withoutBlock: true });
  });

  it('and has the block differs from one that runs without', async () => {
    const answer = await answerAt(await serve((port) => `${others(port)}${stubDomain(['127.0.0.1:9'], port)}`));
    expect(answer).to.deep.equal({ problem, withoutBlock: false });
  });

  it('and has the block and a server that answers resolves', async () => {
    const [port = 0] = await freePorts(1);
    const consul = `consul:${port} {\n    template IN A {\n        answer "{{ .Name }} 5 IN A 10.1.2.3"\n    }\n}\n`;
    const at = await serve((own) => `${consul}${others(own)}${stubDomain([`127.0.0.1:${port}`], own)}`);
    expect(await answerAt(at)).to.deep.equal({});
  });
});
