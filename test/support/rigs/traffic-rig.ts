import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, Agent, type Server, createServer, request } from 'node:http';
import { type AddressInfo, type Socket, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Consul } from '../../../clients/consul/consul.ts';
import { type MeshService, type MeshServiceSpecInput, consulName } from '../../../crds/mesh-service.ts';
import { proxySettings } from '../../../crds/proxy.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { BOOTSTRAP_FILE, envoyBootstrap } from '../../../mesh/envoy/bootstrap.ts';
import { CA_FILE, TOKEN_FILE, caSecret, tokenSecret } from '../../../mesh/envoy/consul-cluster.ts';
import { envoyArguments } from '../../../mesh/envoy/envoy-arguments.ts';
import { diff } from '../../../mesh/catalog/diff.ts';
import { type ActualState, CONFIG_KINDS, configKey, type HeldConfig, OWNER_META } from '../../../mesh/catalog/entry.ts';
import { type Instance, registrationsOf } from '../../../mesh/service/instance.ts';
import { sidecarId } from '../../../mesh/names/names.ts';
import { judgementOf } from '../../../mesh/traffic/banner.ts';
import { configEntries } from '../../../mesh/traffic/entries.ts';
import { keepProxyDefaults } from '../../../operator/bootstrap/keep-proxy-defaults.ts';
import { aMeshService } from '../builders.ts';
import { eventually } from '../eventually.ts';
import { freePorts } from '../real/consul-ports.ts';
import { type RealConsul, startConsul } from '../real/consul.ts';

const NODE = 'vm.rig.host';

/** An app with its sidecar; `hang` is an app that takes requests and never answers. */
export interface Member {
  id: string;
  envoy: ChildProcess;
  served: number;
  hang: boolean;
  /** The output of the sidecar: its access log. */
  accessLog(): string;
  /** Path of Envoy's admin socket. */
  adminSocket: string;
  /** The answer of Envoy's admin as text, for example to /config_dump or /stats. */
  admin(path: string): Promise<string>;
  stop(): Promise<void>;
}

/** An app that runs already. */
interface OwnApp {
  appPort: number;
  accessLog: Instance['accessLog'];
}

export interface TrafficRig {
  /** Writes what the MeshService asks for, step by step as the operator does; throws when a step is refused. */
  declare(name: string, spec: Partial<MeshServiceSpecInput>): Promise<void>;
  /** Starts an app with an Envoy. Each upstream is at its local port once Consul has told the sidecar of it. */
  member(
    service: string,
    platform: 'pod' | 'vm',
    upstreams?: { service: string; localPort: number }[],
    own?: OwnApp,
  ): Promise<Member>;
  /** A pod that others reach at a port of its "node", as `spec.reach: hostPort` has it; `passed` counts connections there. */
  atItsNode(service: string): Promise<Member & { passed(): number }>;
  /** As the operator or the bridge would: callers send no request there any longer. */
  setHealth(member: Member, health: 'passing' | 'critical'): Promise<void>;
  /** A pod that is there and whose address nobody knows yet: critical, and its sidecar alone is registered. */
  withoutAddress(service: string): Promise<Member>;
  /** Such a pod gets its address, and is ready. */
  tellAddress(member: Member): Promise<void>;
  /** Consul, for an administrator. */
  consul: Consul;
  /** An Envoy for a registration that the test writes itself, such as that of a gateway. */
  proxy(at: ProxyAt): Promise<void>;
  stop(): Promise<void>;
}

/** A real Consul with ACLs and TLS, and real Envoys on loopback: the way of a request, without a cluster. */
export async function startTrafficRig(): Promise<TrafficRig> {
  const [server, binary] = await Promise.all([startConsul({ acl: true, tls: true }), ensurePart('envoy', silent)]);
  const consul = server.connect();
  await keepProxyDefaults(consul, 'lab');
  const directory = await mkdtemp(join(tmpdir(), 'landbridge-traffic-'));
  const declared = new Map<string, MeshService>();
  const instances = new Map<string, Instance>();
  const members: Pick<Member, 'stop'>[] = [];

  const write = async (): Promise<void> => {
    const registrations = [...instances.values()].map(judged).flatMap(registrationsOf);
    const node = {
      Node: NODE,
      Address: '127.0.0.1',
      Meta: { [OWNER_META]: 'rig' },
      registrations: Object.fromEntries(registrations.map((each) => [each.service.ID, each])),
    };
    const actual: ActualState = { node: await consul.readNode(NODE), config: {} };
    await applied(consul, diff({ node, config: {} }, actual, 'rig').changes);
  };

  /** With the words that its MeshService has by now. */
  const judged = (instance: Instance): Instance => {
    const meshService = declared.get(instance.service);
    return { ...instance, judgement: meshService && judgementOf(meshService.spec) };
  };

  async function started(instance: Instance, withApp = true): Promise<Member> {
    instances.set(instance.id, instance);
    await write();
    const member = await startMember({ binary, directory, server, instance, withApp });
    members.push(member);
    // A caller that meets it before it listens would leave it for half a minute.
    await eventually(`${instance.id} listens`, 30_000, () => listens(instance.sidecarPort!));
    return member;
  }

  return {
    async declare(name, spec) {
      const meshService = aMeshService(name, {
        workloads: { pods: { selector: { matchLabels: { app: name } } }, external: { sites: ['rack-1'] } },
        ...spec,
      });
      declared.set(name, meshService);
      for (const each of declared.values()) {
        const service = consulName(each);
        const wanted = configEntries(each, 'rig', (callee) => declared.get(callee)?.spec.traffic);
        const config = Object.fromEntries(wanted.map((entry) => [configKey(entry), entry]));
        const held = await heldOf(consul, service);
        await applied(consul, diff({ node: undefined, config }, { node: undefined, config: held }, 'rig').changes);
      }
      if (instances.size > 0) await write();
    },
    member: async (service, platform, upstreams = [], own) =>
      started(await newInstance(service, platform, upstreams, own), own === undefined),
    async atItsNode(service) {
      const instance = await newInstance(service, 'pod', []);
      const node = await forwarder(instance.sidecarPort!);
      const member = await started({ ...instance, reachedAt: node.at });
      const stop = member.stop;
      return Object.assign(member, { passed: node.passed, stop: () => (node.close(), stop()) });
    },
    async withoutAddress(service) {
      const instance = await newInstance(service, 'pod', []);
      return started({ ...instance, address: undefined, health: 'critical' });
    },
    async tellAddress(member) {
      instances.set(member.id, { ...instances.get(member.id)!, address: '127.0.0.1', health: 'passing' });
      await write();
    },
    async setHealth(member, health) {
      instances.set(member.id, { ...instances.get(member.id)!, health });
      await write();
    },
    consul,
    async proxy(at) {
      members.push(await startProxy({ binary, directory, server, at }));
    },
    async stop() {
      await Promise.all(members.map((member) => member.stop()));
      consul.close();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function newInstance(
  service: string,
  platform: 'pod' | 'vm',
  upstreams: { service: string; localPort: number }[],
  own?: OwnApp,
): Promise<Instance> {
  const [free = 0, sidecarPort = 0] = await freePorts(2);
  const appPort = own?.appPort ?? free;
  return {
    id: `${service}-${platform}-${appPort}`,
    service,
    platform,
    site: platform === 'pod' ? 'lab' : 'rack-1',
    address: '127.0.0.1',
    appPort,
    sidecarPort,
    health: 'passing',
    output: 'ok',
    upstreams,
    accessLog: own?.accessLog ?? 'json',
  };
}

/** A host port as the network plugin makes it: connections to another address go on to 127.0.0.1:`port`. */
async function forwarder(port: number) {
  let passed = 0;
  const open = new Set<Socket>();
  const server = createTcpServer((from) => {
    passed += 1;
    const to = connect({ host: '127.0.0.1', port });
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      open.add(one.pipe(other));
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.2');
  await once(server, 'listening');
  return {
    at: { address: '127.0.0.2', port: (server.address() as AddressInfo).port },
    passed: () => passed,
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

async function heldOf(consul: Consul, service: string): Promise<Record<string, HeldConfig>> {
  const found = await Promise.all(CONFIG_KINDS.map((kind) => consul.readConfig(kind, service)));
  return Object.fromEntries(found.flatMap((held) => (held === undefined ? [] : [[configKey(held.entry), held]])));
}

async function applied(consul: Consul, changes: Parameters<Consul['apply']>[0]): Promise<void> {
  const failed = (await consul.apply(changes)).find((outcome) => !outcome.ok);
  if (failed !== undefined && !failed.ok) throw new Error(failed.error);
}

interface MemberOptions {
  binary: string;
  directory: string;
  server: RealConsul;
  instance: Instance;
  withApp: boolean;
}

/** The registration that an Envoy asks Consul for. */
interface ProxyAt {
  service: string;
  consulNode: string;
  /** Service ID of the proxy. */
  node: string;
  runtime?: Record<string, number>;
}

interface ProxyOptions {
  binary: string;
  directory: string;
  server: RealConsul;
  at: ProxyAt;
}

async function startProxy({ binary, directory, server, at }: ProxyOptions) {
  const { service, consulNode, node, runtime } = at;
  const folder = join(directory, node);
  await mkdir(folder);
  const [host = '', port = ''] = server.grpcAddress.split(':');
  const bootstrap = envoyBootstrap({
    consul: [{ host, port: Number(port) }],
    serverName: server.serverName,
    datacenter: 'dc1',
    service,
    consulNode,
    runtime,
    secretsDirectory: folder,
    admin: { socket: join(folder, 'admin.sock') },
    readyPort: undefined,
    stats: { tags: {}, extra: [] },
  });
  const files = {
    [BOOTSTRAP_FILE]: bootstrap,
    [CA_FILE]: caSecret(server.caPem!),
    [TOKEN_FILE]: tokenSecret(server.token!),
  };
  await Promise.all(Object.entries(files).map(([name, json]) => writeFile(join(folder, name), JSON.stringify(json))));
  const proxy = proxySettings.parse({});
  const args = envoyArguments({ bootstrap: join(folder, BOOTSTRAP_FILE), node, service, proxy });
  const envoy = spawn(binary, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let written = '';
  envoy.stdout.on('data', (chunk: Buffer) => (written = (written + chunk.toString()).slice(-200_000)));
  const killWithUs = (): void => void envoy.kill('SIGKILL');
  process.once('exit', killWithUs);
  return {
    envoy,
    accessLog: () => written,
    adminSocket: join(folder, 'admin.sock'),
    admin: (path: string) => askSocket(join(folder, 'admin.sock'), path),
    async stop() {
      process.off('exit', killWithUs);
      if (envoy.exitCode !== null || envoy.signalCode !== null) return;
      envoy.kill('SIGKILL');
      await once(envoy, 'exit');
    },
  };
}

async function startMember({ instance, withApp, ...options }: MemberOptions): Promise<Member> {
  const at = { service: instance.service, consulNode: NODE, node: sidecarId(instance.id) };
  const proxy = await startProxy({ ...options, at });
  const member: Member = {
    id: instance.id,
    envoy: proxy.envoy,
    served: 0,
    hang: false,
    accessLog: proxy.accessLog,
    adminSocket: proxy.adminSocket,
    admin: proxy.admin,
    async stop() {
      app.closeAllConnections();
      app.close();
      await proxy.stop();
    },
  };
  const app: Server = createServer((asked, response) => {
    if (member.hang) return;
    member.served += 1;
    response.setHeader('x-served-by', instance.id);
    response.setHeader('x-saw', JSON.stringify(asked.headers));
    response.end(`${asked.method} ${asked.url}`);
  });
  app.keepAliveTimeout = 120_000;
  if (!withApp) return member;
  app.listen(instance.appPort, '127.0.0.1');
  await once(app, 'listening');
  return member;
}

const askSocket = (socketPath: string, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = '';
    const sent = request({ socketPath, path }, (answer) => {
      answer.on('data', (part: Buffer) => (text += part.toString()));
      answer.once('end', () => resolve(text));
    });
    sent.once('error', reject);
    sent.end();
  });

export interface Answer {
  /** 0: the connection was lost. */
  status: number;
  servedBy: string;
  headers: IncomingMessage['headers'];
  ms: number;
}

const pool = new Agent({ keepAlive: true, maxSockets: 200 });

/** One request through a sidecar's local port; never throws. */
export function ask(port: number, path = '/', method = 'GET', headers: Record<string, string> = {}): Promise<Answer> {
  const began = performance.now();
  const since = () => performance.now() - began;
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: pool }, (response) => {
      response.resume();
      const { statusCode: status = 0, headers: got } = response;
      const servedBy = String(got['x-served-by'] ?? '');
      response.once('end', () => resolve({ status, servedBy, headers: got, ms: since() }));
      response.once('error', () => resolve({ status: 0, servedBy, headers: got, ms: since() }));
    });
    sent.once('error', () => resolve({ status: 0, servedBy: '', headers: {}, ms: since() }));
    sent.end();
  });
}

export interface Steady {
  stop(): Promise<(Answer & { sentMs: number })[]>;
  nowMs(): number;
}

/** Requests at a steady rate that does not depend on the answers. */
export function askSteadily(port: number, perSecond: number): Steady {
  const began = performance.now();
  const underWay: Promise<Answer & { sentMs: number }>[] = [];
  let going = true;
  const loop = (async () => {
    while (going) {
      const due = Math.floor(((performance.now() - began) / 1000) * perSecond);
      while (underWay.length < due) {
        const sentMs = performance.now() - began;
        underWay.push(ask(port).then((answer) => ({ ...answer, sentMs })));
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  return {
    nowMs: () => performance.now() - began,
    async stop() {
      going = false;
      await loop;
      return Promise.all(underWay);
    },
  };
}
