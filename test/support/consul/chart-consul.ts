import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { synthesize } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import { connectConsul } from '../../../clients/consul/connect.ts';
import type { Consul } from '../../../clients/consul/consul.ts';
import { type ConsulRaft, connectRaft } from '../../../clients/consul/raft.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { consulServer } from '../../../mesh/installation/reshape.ts';
import type { Manifest } from '../../unit/charts/objects.ts';
import { freePorts } from '../real/consul-ports.ts';
import { serverTls } from '../real/consul-tls.ts';

const SERVER_NAME = 'server.dc1.consul';

export interface ChartServers {
  /** Starts the server of this ordinal as the chart for so many would, with the data that it left, if any. */
  start(ordinal: number, servers: number): Promise<void>;
  /** SIGTERM, as the kubelet does. */
  end(ordinal: number): Promise<void>;
  runs(ordinal: number): boolean;
  /** With the token that may do everything. */
  consul(ordinal: number): Consul;
  raft(ordinal: number): ConsulRaft;
  stop(): Promise<void>;
}

/** Real Consul servers with the configuration of the chart, each at a loopback address of its own. `token`: a UUID. */
export async function chartServers(token: string): Promise<ChartServers> {
  const binary = process.env.CONSUL_BIN ?? (await ensurePart('consul', silent));
  const folder = await mkdtemp(join(tmpdir(), 'landbridge-servers-'));
  const tls = await serverTls(SERVER_NAME);
  const [https = 0, grpc = 0, dns = 0, server = 0, serf = 0] = await freePorts(5);
  const encrypt = randomBytes(32).toString('base64');
  const addressOf = (ordinal: number): string => `127.0.7.${ordinal + 1}`;
  for (const [file, text] of Object.entries({ 'ca.crt': tls.caPem, 'tls.crt': tls.certPem, 'tls.key': tls.keyPem }))
    await writeFile(join(folder, file), text, { mode: 0o600 });
  const running = new Map<number, ChildProcess>();
  const clients: { close(): void }[] = [];

  function configOf(ordinal: number, servers: number): object {
    const map = (synthesize(parseValues({ consul: { servers } })) as Manifest[]).find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'landbridge-consul-config',
    )!;
    const config = JSON.parse(map['data']['server.json'] as string) as Record<string, unknown>;
    const files = {
      ca_file: join(folder, 'ca.crt'),
      cert_file: join(folder, 'tls.crt'),
      key_file: join(folder, 'tls.key'),
    };
    const { defaults, ...others } = config['tls'] as { defaults: object };
    return {
      ...config,
      encrypt,
      node_name: consulServer(ordinal),
      data_dir: join(folder, consulServer(ordinal)),
      bind_addr: addressOf(ordinal),
      client_addr: addressOf(ordinal),
      // The chart's names are of Kubernetes.
      ...(config['retry_join'] ? { retry_join: [0, 1, 2].map((one) => `${addressOf(one)}:${serf}`) } : {}),
      ports: { ...(config['ports'] as object), https, grpc_tls: grpc, dns, server, serf_lan: serf },
      tls: { ...others, defaults: { ...defaults, ...files } },
      acl: { ...(config['acl'] as object), tokens: { initial_management: token, agent: token } },
    };
  }

  const options = (ordinal: number) => ({
    addresses: [`${addressOf(ordinal)}:${https}`],
    caPem: tls.caPem,
    serverName: SERVER_NAME,
    token: () => token,
  });
  const kept = <T extends { close(): void }>(client: T): T => (clients.push(client), client);

  const chart: ChartServers = {
    async start(ordinal, servers) {
      await mkdir(join(folder, consulServer(ordinal)), { recursive: true });
      const file = join(folder, `${ordinal}.json`);
      await writeFile(file, JSON.stringify(configOf(ordinal, servers)));
      const child = spawn(binary, ['agent', '-config-file', file], { stdio: 'ignore' });
      process.once('exit', () => child.kill('SIGKILL'));
      running.set(ordinal, child);
    },
    async end(ordinal) {
      const child = running.get(ordinal);
      running.delete(ordinal);
      if (child === undefined || child.exitCode !== null) return;
      const over = once(child, 'exit');
      child.kill('SIGTERM');
      await over;
    },
    runs: (ordinal) => running.has(ordinal) && running.get(ordinal)!.exitCode === null,
    consul: (ordinal) => kept(connectConsul(options(ordinal))),
    raft: (ordinal) => kept(connectRaft(options(ordinal))),
    async stop() {
      for (const client of clients) client.close();
      await Promise.all([...running.keys()].map((ordinal) => chart.end(ordinal)));
      await rm(folder, { recursive: true, force: true });
    },
  };
  return chart;
}
