import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runCheck } from '../../../checks/check.ts';
import { probe } from '../../../checks/external.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { checkSpec } from '../../../mesh/outside/check-spec.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { eventually } from '../bridge/bridge-waiting.ts';

/** etcd carries the gRPC health service of the gRPC project itself. */
describe('a gRPC check of a real server', function () {
  this.timeout(60_000);
  let folder: string;
  let port: number;
  let server: ReturnType<typeof spawn>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landbridge-etcd-'));
    const [client = 0, peer = 0] = await freePorts(2);
    port = client;
    const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
    server = spawn(
      await ensurePart('etcd', silent),
      [
        ...['--data-dir', folder, '--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
        ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
        ...['--initial-cluster', `default=${peerUrl}`, '--log-level', 'error'],
      ],
      { stdio: 'ignore' },
    );
  });
  after(async () => {
    server.kill('SIGKILL');
    await once(server, 'exit');
    await rm(folder, { recursive: true, force: true });
  });

  it('passes while it serves, by the agent and by the bridge alike', async () => {
    const check = checkSpec.parse({ type: 'grpc' });
    await eventually(async () => expect((await runCheck(check, port)).output).to.match(/: SERVING$/), 20_000);
    const probed = await probe({ address: '127.0.0.1', port, check }, new AbortController().signal);
    expect(probed).to.deep.equal({ health: 'passing', output: 'grpc check: SERVING' });
  });

  it('fails for a service that the server does not know', async () => {
    const check = checkSpec.parse({ type: 'grpc', service: 'nobody.Knows' });
    const { ok, output } = await runCheck(check, port);
    expect(ok).to.equal(false);
    expect(output).to.include('its health service does not know that name');
  });
});
