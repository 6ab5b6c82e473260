import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CONSUL_DATA_DIRECTORY,
  CONSUL_DNS_FILE,
  CONSUL_GOSSIP_FILE,
  CONSUL_TLS_DIRECTORY,
  consulConfig,
} from '../../../charts/consul-config.ts';
import { evaluate } from '../../../charts/template/evaluate.ts';
import { parseValues, scopeOf } from '../../../charts/values.ts';
import type { DnsTarget } from '../../../clients/dns/ask-dns.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import type { SecretData } from '../../../operator/bootstrap/secret-store.ts';
import { freePorts } from '../../support/real/consul-ports.ts';

export interface ChartConsul {
  /** `host:port` of the HTTPS API. */
  address: string;
  dns: DnsTarget;
  /** Loopback stands for pods here: one address a pod. */
  start(secret: SecretData, podIp?: string): void;
  /** SIGTERM, as the kubelet ends a pod. */
  goDown(): Promise<void>;
  /** The output of the server since its start. */
  log(): string;
  /** Undefined while it runs. */
  ended(): string | undefined;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/**
 * The real Consul with the configuration of the chart: only paths, ports and addresses are loopback's. Its certificate
 * and gossip key are those of the Secret that the bootstrap job makes. CONSUL_BIN names another executable.
 */
export async function chartConsul(): Promise<ChartConsul> {
  const binary = process.env['CONSUL_BIN'] ?? (await ensurePart('consul', silent));
  const directory = await mkdtemp(join(tmpdir(), 'landbridge-bootstrap-'));
  const here = (path: string): string => path.replace(/^\/consul/, directory);
  const [https = 0, grpc = 0, server = 0, serf = 0, dns = 0] = await freePorts(5);
  const config = JSON.parse(
    JSON.stringify(evaluate(consulConfig(), scopeOf(parseValues({})))).replaceAll('"/consul/', `"${directory}/`),
  ) as { ports: object };
  const adapted = {
    ...config,
    ports: { ...config.ports, https, grpc_tls: grpc, server, serf_lan: serf, dns },
  };
  await mkdir(here(CONSUL_TLS_DIRECTORY), { recursive: true });
  await mkdir(here(CONSUL_DATA_DIRECTORY), { recursive: true });
  await writeFile(join(directory, 'server.json'), JSON.stringify(adapted));

  let log = '';
  let why: string | undefined = 'it was not started';
  let running: { kill(signal: NodeJS.Signals): unknown; over: Promise<void> } | undefined;

  async function goDown(): Promise<void> {
    running?.kill('SIGTERM');
    const patience = setTimeout(() => running?.kill('SIGKILL'), 10_000);
    await running?.over;
    clearTimeout(patience);
    running = undefined;
  }

  return {
    address: `127.0.0.1:${https}`,
    dns: { host: '127.0.0.1', port: dns },
    start(secret, podIp = '127.0.0.1') {
      why = undefined;
      log = '';
      const started = Promise.all(
        Object.entries(secret).map(([file, text]) => writeFile(join(here(CONSUL_TLS_DIRECTORY), file), text)),
      ).then(() => {
        const child = spawn(
          binary,
          [
            'agent',
            `-config-file=${join(directory, 'server.json')}`,
            `-config-file=${here(CONSUL_GOSSIP_FILE)}`,
            `-config-file=${here(CONSUL_DNS_FILE)}`,
            `-advertise=${podIp}`,
            '-node=landbridge-consul-server-0',
          ],
          { stdio: ['ignore', 'pipe', 'pipe'] },
        );
        const keep = (chunk: Buffer): void => void (log = (log + chunk.toString()).slice(-200_000));
        child.stdout.on('data', keep);
        child.stderr.on('data', keep);
        const killWithUs = (): void => void child.kill('SIGKILL');
        process.once('exit', killWithUs);
        return { child, killWithUs };
      });
      running = {
        kill: (signal) => started.then(({ child }) => child.kill(signal)),
        over: started.then(
          ({ child, killWithUs }) =>
            new Promise<void>((resolve) => {
              const end = (reason: string): void => {
                why = reason;
                process.off('exit', killWithUs);
                resolve();
              };
              child.once('error', (error) => end(error.message));
              child.once('exit', (code, signal) => end(`Consul ended (${signal ?? code}): ${log.slice(-2000)}`));
            }),
        ),
      };
    },
    goDown,
    log: () => log,
    ended: () => why,
    async stop() {
      await goDown();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
