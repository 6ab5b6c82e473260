import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { consulOver } from '../../../clients/consul/connect.ts';
import type { Consul, ConsulOptions } from '../../../clients/consul/consul.ts';
import { type Transport, openTransport } from '../../../clients/consul/transport.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { freePorts } from './consul-ports.ts';
import { serverConfig } from './consul-config.ts';
import { type ServerTls, serverTls } from './consul-tls.ts';

export interface RealConsul {
  /** `host:port` of the HTTP API, HTTPS when TLS is on. */
  address: string;
  /** `host:port` of xDS; TLS when TLS is on. */
  grpcAddress: string;
  /** Undefined unless it was asked for. */
  dns: { host: string; port: number } | undefined;
  /** Undefined without TLS. */
  caPem: string | undefined;
  /** Its certificate and key, for a proxy in front of it; undefined without TLS. */
  tls: ServerTls | undefined;
  serverName: string;
  /** Management token; undefined without ACLs, and before the first acl.bootstrap when `bootstrapped` is false. */
  token: string | undefined;
  /** Default token: the management token. An empty one sends none. */
  connect(token?: string | (() => string | undefined), options?: Partial<ConsulOptions>): Consul;
  /** What `connect` uses. */
  transport(token?: string | (() => string | undefined), options?: Partial<ConsulOptions>): Transport;
  /** Ends the server and keeps its data. */
  goDown(): Promise<void>;
  /** Starts it again, on the same ports with the same data. One that runs goes on, also after `pause`. */
  comeBack(): Promise<void>;
  /** SIGKILL: it ends in the middle of what it does, and keeps its data. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Starts it again with nothing of what it held; with ACLs, bootstrapped with the same management token. */
  comeBackEmpty(): Promise<void>;
  /** Ends the server and removes its data, unless `dataDir` was given. */
  stop(): Promise<void>;
}

const SERVER_NAME = 'server.dc1.consul';
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;

export interface ConsulServerOptions {
  acl?: boolean;
  tls?: boolean;
  bootstrapped?: boolean;
  dataDir?: string;
  dns?: { token: string };
  host?: string;
}

/** Starts a real Consul server on free ports of `host` (default: loopback) and waits for its leader. `CONSUL_BIN` names another executable. */
export async function startConsul(options: ConsulServerOptions = {}): Promise<RealConsul> {
  for (let tries = 1; ; tries++) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Ports that were free are given to outgoing connections too, and one may have come first.
      if (tries === 3 || !/address already in use/.test((error as Error).message)) throw error;
    }
  }
}

async function startOnce(options: ConsulServerOptions): Promise<RealConsul> {
  const { acl = false, tls = false, bootstrapped = true, dataDir, host = '127.0.0.1' } = options;
  const binary = process.env.CONSUL_BIN ?? (await ensurePart('consul', silent));
  const directory = dataDir ?? (await mkdtemp(join(tmpdir(), 'landbridge-consul-')));
  await mkdir(directory, { recursive: true });
  const certificates = tls ? await serverTls(SERVER_NAME) : undefined;
  const [http = 0, grpc = 0, server = 0, serf = 0, free = 0] = await freePorts(5);
  const dns = options.dns && free;
  const files = {
    ...tlsFiles(certificates),
    'server.json': JSON.stringify(
      serverConfig({
        directory,
        host,
        ports: { http, grpc, server, serf, dns },
        acl,
        tls,
        dnsToken: options.dns?.token,
      }),
    ),
  };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(directory, name), text)));

  let process_: ServerProcess = launch(binary, directory);
  const consul: RealConsul = {
    address: `${host}:${http}`,
    grpcAddress: `${host}:${grpc}`,
    dns: dns === undefined ? undefined : { host, port: dns },
    caPem: certificates?.caPem,
    tls: certificates,
    serverName: SERVER_NAME,
    token: acl && bootstrapped ? randomUUID() : undefined,
    connect: (token, more) => consulOver(consul.transport(token, more)),
    transport: (token = consul.token, more = {}) =>
      openTransport({
        addresses: [consul.address],
        scheme: tls ? 'https' : 'http',
        caPem: certificates?.caPem,
        serverName: SERVER_NAME,
        token: typeof token === 'function' ? token : () => token,
        ...more,
      }),
    goDown: () => process_.end(),
    async comeBack() {
      if (process_.ended() === undefined) process_.signal('SIGCONT');
      else process_ = launch(binary, directory);
      await ready(consul, process_);
    },
    async kill() {
      process_.signal('SIGKILL');
      await process_.end();
    },
    pause: () => process_.signal('SIGSTOP'),
    resume: () => process_.signal('SIGCONT'),
    async comeBackEmpty() {
      await rm(join(directory, 'data'), { recursive: true, force: true });
      await consul.comeBack();
      if (consul.token !== undefined) await bootstrap(consul, process_);
    },
    async stop() {
      await process_.end();
      if (dataDir === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
  try {
    await ready(consul, process_);
    if (consul.token !== undefined) await bootstrap(consul, process_);
  } catch (error) {
    await consul.stop();
    throw error;
  }
  return consul;
}

const tlsFiles = (tls: ServerTls | undefined): Record<string, string> =>
  tls === undefined ? {} : { 'ca.pem': tls.caPem, 'cert.pem': tls.certPem, 'key.pem': tls.keyPem };

interface ServerProcess {
  /** Why it ended by itself; undefined while it runs. */
  ended(): string | undefined;
  signal(signal: NodeJS.Signals): void;
  end(): Promise<void>;
}

function launch(binary: string, directory: string): ServerProcess {
  const child: ChildProcess = spawn(binary, ['agent', '-config-file', join(directory, 'server.json')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  const keep = (chunk: Buffer): void => void (log = (log + chunk.toString()).slice(-4000));
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  let why: string | undefined;
  const over = new Promise<void>((resolve) => {
    const end = (reason: string): void => {
      why = reason;
      process.off('exit', killWithUs);
      resolve();
    };
    child.once('error', (error) => end(`Consul could not be started: ${error.message}`));
    child.once('exit', (code, signal) => end(`Consul ended (${signal ?? code}): ${log}`));
  });
  return {
    ended: () => why,
    signal: (signal) => void child.kill(signal),
    async end() {
      child.kill('SIGTERM');
      // A stopped process does not act on SIGTERM.
      child.kill('SIGCONT');
      const patience = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
      await over;
      clearTimeout(patience);
    },
  };
}

/** A leader, and the mesh CA with it. With ACLs the CA is behind a token, so the leader has to do. */
async function ready(consul: RealConsul, server: ServerProcess): Promise<void> {
  await eventually('a leader', server, async () => {
    const client = consul.connect('', { requestTimeoutMs: 2000 });
    try {
      await client.leader();
    } finally {
      client.close();
    }
  });
}

async function bootstrap(consul: RealConsul, server: ServerProcess): Promise<void> {
  await eventually('the ACL system', server, async () => {
    const client = consul.connect('');
    try {
      await client.acl.bootstrap(consul.token!);
    } finally {
      client.close();
    }
  });
}

/** Tries until it does not throw, every 50 ms; gives up at the deadline or when the server has ended. */
async function eventually(what: string, server: ServerProcess, task: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    const ended = server.ended();
    if (ended !== undefined) throw new Error(ended);
    try {
      return await task();
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`Consul did not get ${what} in time: ${(error as Error).message}`);
      await new Promise((next) => setTimeout(next, 50));
    }
  }
}
