import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { expect } from 'chai';

import { type EnvoyAnswer, askEnvoy } from '../../../agent/envoy/admin.ts';
import { writeEnvoyFiles } from '../../../agent/envoy/files.ts';
import { ADMIN_SOCKET } from '../../../agent/machine/instance-id.ts';
import { BOOTSTRAP_FILE } from '../../../mesh/envoy/bootstrap.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { eventually } from '../../support/eventually.ts';
import { serverTls } from '../../support/real/consul-tls.ts';

/** As behind a firewall that drops: each connection waits for its time-out, and the next begins soon. */
describe('an Envoy whose connections to Consul get no answer', function () {
  this.timeout(60_000);
  const connections: Socket[] = [];
  let folder: string;
  let silentServer: Server;
  let envoy: ChildProcess | undefined;

  before(async function () {
    this.timeout(600_000);
    folder = await mkdtemp(join(tmpdir(), 'landbridge-alone-'));
    silentServer = createServer((socket) => void connections.push(socket.on('error', () => {}))).listen(0, '127.0.0.1');
    await once(silentServer, 'listening');
    const { port } = silentServer.address() as AddressInfo;
    const { caPem } = await serverTls('s');
    const proxy = { stats: { tags: {}, extra: [] } } as never;
    const consul = { grpc: [`127.0.0.1:${port}`], serverName: 's', datacenter: 'dc1', caPem };
    await writeEnvoyFiles({ folder, site: 's', host: 'h', service: 'web', consul, token: 't', proxy });
    const args = ['-c', join(folder, BOOTSTRAP_FILE), '--service-node', 'web', '--disable-hot-restart'];
    envoy = spawn(await ensurePart('envoy', silent), [...args, '--concurrency', '1', '-l', 'off'], { stdio: 'ignore' });
  });
  after(async () => {
    envoy?.kill('SIGKILL');
    for (const socket of connections) socket.destroy();
    silentServer?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('has no stream at any moment, also while a connection waits for its answer', async () => {
    const ask = (): Promise<EnvoyAnswer> => askEnvoy(join(folder, ADMIN_SOCKET), 2000);
    await eventually('Envoy answers', 20_000, () => ask().then(Boolean, () => false));
    const seen: boolean[] = [];
    while (connections.length < 3) {
      seen.push((await ask()).connected);
      await delay(50);
    }
    expect(seen).to.not.include(true);
    expect(seen).to.not.be.empty;
  });
});
