import { once } from 'node:events';
import { connect } from 'node:http2';
import { type Socket, createServer } from 'node:net';
import type { AccessRule } from '../../../crds/access.ts';
import { EDGE_SERVICE } from '../../../crds/expose.ts';
import { GATEWAY_SERVICE } from '../../../crds/gateway.ts';
import { diff } from '../../../mesh/catalog/diff.ts';
import { edgeNode, edgeState } from '../../../mesh/gateways/edge.ts';
import { GATEWAY_RUNTIME, gatewayNode, gatewayState } from '../../../mesh/gateways/terminating.ts';
import { externalNode } from '../../../mesh/names/names.ts';
import { type Instance, registrationsOf } from '../../../mesh/service/instance.ts';
import { aMeshService, aPodFacts } from '../builders.ts';
import { eventually } from '../eventually.ts';
import { HOST, MARK, type Spelling, requestOf } from '../envoy/path-attacks.ts';
import { exchange, statusOf } from '../raw-exchange.ts';
import { freePorts } from '../real/consul-ports.ts';
import { type TrafficRig, startTrafficRig } from './traffic-rig.ts';

/** The proxies that enforce rules with a path. */
export const PLACES = ['sidecar', 'terminating gateway', 'edge'] as const;
export type Place = (typeof PLACES)[number];
/** Envoy takes HTTP/2 at each port for HTTP, without a word before. Default: HTTP/1.1. */
export type Version = 'HTTP/1.1' | 'HTTP/2';
export type Rule = Omit<AccessRule, 'from'>;

/** A request as it came to the app: byte for byte, before anybody reads it. */
export interface Arrival {
  target: string;
  host: string;
}

export interface PathRig {
  /** Status 0: no answer. */
  send(place: Place, spelling: Spelling, over?: Version): Promise<{ status: number; arrived: Arrival[] }>;
  /** The same rule for the caller at both services, and for the edge gateway. */
  allow(rule: Rule, paths?: string[]): Promise<void>;
  /** `paths` alone says for which paths the edge gateway may ask. */
  exposeOnly(paths: string[]): Promise<void>;
  /** Requests that came to the app and that nobody here sent. */
  strange(): Arrival[];
  stop(): Promise<void>;
}

/** One app behind a sidecar, behind the terminating gateway and behind the edge: real Consul, real Envoys. */
export async function startPathRig(): Promise<PathRig> {
  const rig = await startTrafficRig();
  const [appPort = 0, web = 0, legacy = 0, gatewayPort = 0, http = 0, https = 0] = await freePorts(6);
  const ports: Record<Place, number> = { sidecar: web, 'terminating gateway': legacy, edge: http };
  const app = await recorder(appPort);
  let sent = 0;

  const path: PathRig = {
    async send(place, spelling, over = 'HTTP/1.1') {
      const mark = String((sent += 1));
      if (over === 'HTTP/2')
        return { status: await sendHttp2(ports[place], spelling, mark), arrived: app.arrived(mark) };
      const to = { host: '127.0.0.1', port: ports[place] };
      const { received } = await exchange({ to, send: [requestOf(spelling, mark)], patienceMs: 10_000 });
      return { status: statusOf(received) ?? 0, arrived: app.arrived(mark) };
    },
    async allow(rule, paths = ['/']) {
      const access = [{ from: 'caller', ...rule }];
      await rig.declare('legacy', { protocol: 'http', access });
      await rig.declare('web', {
        ...{ protocol: 'http', expose: { hosts: [HOST], paths } },
        access: [...access, ...(Object.keys(rule).length === 0 ? [] : [{ from: EDGE_SERVICE, ...rule }])],
      });
    },
    exposeOnly: (paths) =>
      rig.declare('web', { protocol: 'http', access: [{ from: '*' }], expose: { hosts: [HOST], paths } }),
    strange: () => app.arrived(undefined),
    async stop() {
      app.close();
      await rig.stop();
    },
  };
  try {
    const upstreams = [
      { service: 'web', localPort: web },
      { service: 'legacy', localPort: legacy },
    ];
    await rig.declare('caller', { upstreams });
    await path.allow({});
    await rig.member('web', 'vm', [], { appPort, accessLog: 'none' });
    await rig.member('caller', 'pod', upstreams);
    await linkLegacy(rig, appPort, gatewayPort);
    await serveEdge(rig, { http, https });
    await eventually('all three answer', 60_000, async () => {
      const answers = await Promise.all(PLACES.map((place) => path.send(place, { target: '/' })));
      return answers.every(({ status }) => status === 200);
    });
  } catch (error) {
    await path.stop();
    throw error;
  }
  return path;
}

/** Further lines of headers are for HTTP/1.1. Gives 0 without an answer, also where Node itself does not send such a request. */
async function sendHttp2(port: number, { target, host = HOST }: Spelling, mark: string): Promise<number> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  try {
    const request = session.request({ ':path': target, ':authority': host, [MARK]: mark });
    const signal = AbortSignal.timeout(10_000);
    request.resume();
    const over = Promise.race([once(request, 'response', { signal }), once(request, 'close', { signal })]);
    const [headers] = (await over) as [{ ':status'?: number }?];
    return headers?.[':status'] ?? 0;
  } catch {
    return 0;
  } finally {
    session.destroy();
  }
}

/** An app that keeps each request line and host as they came, by the mark of the request, and answers 200. */
async function recorder(port: number) {
  const kept = new Map<string | undefined, Arrival[]>();
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket.on('error', () => undefined));
    socket.on('close', () => open.delete(socket));
    let text = '';
    socket.on('data', (part: Buffer) => {
      text += part.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const [line = '', ...headers] = text.slice(0, end).split('\r\n');
        text = text.slice(end + 4);
        const value = (name: string): string | undefined =>
          headers
            .find((header) => header.toLowerCase().startsWith(`${name}:`))
            ?.slice(name.length + 1)
            .trim();
        const target = line.slice(line.indexOf(' ') + 1, line.lastIndexOf(' '));
        const mark = value(MARK);
        kept.set(mark, [...(kept.get(mark) ?? []), { target, host: value('host') ?? '' }]);
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      }
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    arrived: (mark: string | undefined): Arrival[] => kept.get(mark) ?? [],
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

async function put(rig: TrafficRig, wanted: Parameters<typeof diff>[0] & { owner: string }): Promise<void> {
  const { changes } = diff(wanted, { node: undefined, config: {} }, wanted.owner);
  for (const outcome of await rig.consul.apply(changes)) if (!outcome.ok) throw new Error(outcome.error);
}

async function linkLegacy(rig: TrafficRig, appPort: number, port: number): Promise<void> {
  const instance: Instance = {
    ...{ id: 'mainframe', service: 'legacy', platform: 'external', site: 'rack-1', address: '127.0.0.1', appPort },
    ...{ sidecarPort: undefined, health: 'passing', output: 'ok', upstreams: [], accessLog: 'none' },
  };
  const [registration] = registrationsOf(instance);
  const Node = externalNode('rack-1', 'mainframe');
  const Meta = { 'landbridge-owner': 'rig' };
  const node = { Node, Address: '127.0.0.1', Meta, registrations: { mainframe: registration! } };
  await put(rig, { owner: 'rig', node, config: {} });
  const state = gatewayState({
    cluster: 'lab',
    pods: [aPodFacts('gateway-1', { ip: '127.0.0.1' })],
    candidates: [{ namespace: 'shop', name: 'legacy', service: 'legacy', createdAt: '2026-01-01T00:00:00Z' }],
    instances: new Map([['legacy', [{ node: Node, service: registration!.service }]]]),
    port,
  });
  if (!state.links.includes('legacy')) throw new Error('the gateway is not linked to the app');
  await put(rig, state);
  const at = { service: GATEWAY_SERVICE, consulNode: gatewayNode('lab'), node: 'gateway-1' };
  await rig.proxy({ ...at, runtime: GATEWAY_RUNTIME });
}

async function serveEdge(rig: TrafficRig, ports: { http: number; https: number }): Promise<void> {
  const { spec } = aMeshService('web', { protocol: 'http', expose: { hosts: [HOST] } });
  const exposure = {
    ...{ namespace: 'shop', name: 'web', service: 'web', protocol: 'http' as const, uid: 'web' },
    ...{ createdAt: '2026-01-01T00:00:00Z', expose: spec.expose!, traffic: undefined },
  };
  await put(rig, edgeState({ cluster: 'lab', ports, exposures: [exposure], certificates: new Map(), nowMs: 0 }));
  await rig.proxy({ service: EDGE_SERVICE, consulNode: edgeNode('lab'), node: EDGE_SERVICE });
}
