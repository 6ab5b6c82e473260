import { type Server, createServer } from 'node:http';
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import type { AccessRule } from '../../crds/access.ts';
import { EDGE_SERVICE } from '../../crds/expose.ts';
import { GATEWAY_SERVICE } from '../../crds/gateway.ts';
import { diff } from '../../mesh/catalog/diff.ts';
import { edgeNode, edgeState } from '../../mesh/gateways/edge.ts';
import { GATEWAY_RUNTIME, gatewayNode, gatewayState } from '../../mesh/gateways/terminating.ts';
import { type Instance, registrationsOf } from '../../mesh/service/instance.ts';
import { externalNode } from '../../mesh/names/names.ts';
import { aMeshService, aPodFacts } from '../support/builders.ts';
import { eventually } from '../support/eventually.ts';
import { READERS, SPELLINGS } from '../support/path-attacks.ts';
import { freePorts } from '../support/real/consul-ports.ts';
import { type TrafficRig, startTrafficRig } from '../support/rigs/traffic-rig.ts';

const HOST = 'shop.example';
type Rule = Omit<AccessRule, 'from'>;

/** A rule, and whether a path as an app reads it is within the rule. */
const RULES: Record<string, { rule: Rule; within: (path: string) => boolean; good: string[]; bad: string }> = {
  prefix: {
    rule: { pathPrefix: '/public/' },
    within: (path) => path.startsWith('/public/'),
    good: [
      '/public/',
      '/public/x',
      '/public/a%20b',
      '/public/caf%C3%A9',
      '/public/a;v=1',
      '/public/.well-known/x',
      '/public/a..b/...c',
      '/public/~me',
    ],
    bad: '/elsewhere',
  },
  exact: {
    rule: { path: '/public/orders' },
    within: (path) => path === '/public/orders',
    good: ['/public/orders', '/public/orders?x=..%2f'],
    bad: '/public/x',
  },
  regex: {
    rule: { pathRegex: '/public/items/[^/]+|/[a-z]+[^/]*/?[^/]*[.]json' },
    within: (path) => /^(\/public\/items\/[^/]+|\/[a-z]+[^/]*\/?[^/]*[.]json)$/s.test(path),
    good: ['/public/items/a', '/public/items/a%20b', '/x.json', '/shop/a.json'],
    bad: '/public/orders',
  },
};

/** One request, written byte for byte: no client is to put the path right. */
async function send(port: number, target: string): Promise<number> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  socket.write(`GET ${target} HTTP/1.1\r\nhost: ${HOST}\r\nconnection: close\r\n\r\n`);
  let got = '';
  socket.on('data', (part: Buffer) => (got += part.toString('latin1')));
  await once(socket, 'close');
  return Number(/^HTTP\/1\.1 (\d+)/.exec(got)?.[1] ?? 0);
}

/** Attacks on rules with a path, at each of the three proxies that enforce them: real Consul, real Envoys, one app. */
describe('access by path, under attack', function () {
  this.timeout(180_000);
  let rig: TrafficRig;
  let app: Server;
  let seen: string[] = [];
  let ports: { sidecar: number; 'terminating gateway': number; edge: number };

  before(async () => {
    rig = await startTrafficRig();
    const [appPort = 0, web = 0, legacy = 0, gatewayPort = 0, edgeHttp = 0, edgeHttps = 0] = await freePorts(6);
    ports = { sidecar: web, 'terminating gateway': legacy, edge: edgeHttp };
    app = createServer((request, response) => {
      seen.push(request.url!);
      response.end();
    });
    app.listen(appPort, '127.0.0.1');
    await once(app, 'listening');
    const upstreams = [
      { service: 'web', localPort: web },
      { service: 'legacy', localPort: legacy },
    ];
    await rig.declare('caller', { upstreams });
    await allow({});
    await rig.member('web', 'vm', [], { appPort, accessLog: 'none' });
    await rig.member('caller', 'pod', upstreams);
    await linkLegacy(appPort, gatewayPort);
    await serveEdge(edgeHttp, edgeHttps);
    await eventually('all three answer', 60_000, async () =>
      (await Promise.all(Object.values(ports).map((port) => send(port, '/')))).every((status) => status === 200),
    );
  });
  after(async () => {
    app?.closeAllConnections();
    app?.close();
    await rig?.stop();
  });

  async function put(wanted: Parameters<typeof diff>[0] & { owner: string }): Promise<void> {
    const { changes } = diff(wanted, { node: undefined, config: {} }, wanted.owner);
    for (const outcome of await rig.consul.apply(changes)) if (!outcome.ok) throw new Error(outcome.error);
  }

  async function linkLegacy(appPort: number, port: number): Promise<void> {
    const instance: Instance = {
      ...{ id: 'mainframe', service: 'legacy', platform: 'external', site: 'rack-1', address: '127.0.0.1', appPort },
      ...{ sidecarPort: undefined, health: 'passing', output: 'ok', upstreams: [], accessLog: 'none' },
    };
    const [registration] = registrationsOf(instance);
    const Node = externalNode('rack-1', 'mainframe');
    const node = {
      Node,
      Address: '127.0.0.1',
      Meta: { 'landbridge-owner': 'rig' },
      registrations: { mainframe: registration! },
    };
    await put({ owner: 'rig', node, config: {} });
    const state = gatewayState({
      cluster: 'lab',
      pods: [aPodFacts('gateway-1', { ip: '127.0.0.1' })],
      candidates: [{ namespace: 'shop', name: 'legacy', service: 'legacy', createdAt: '2026-01-01T00:00:00Z' }],
      instances: new Map([['legacy', [{ node: Node, service: registration!.service }]]]),
      port,
    });
    expect(state.links).to.deep.equal(['legacy']);
    await put(state);
    const at = { service: GATEWAY_SERVICE, consulNode: gatewayNode('lab'), node: 'gateway-1' };
    await rig.proxy({ ...at, runtime: GATEWAY_RUNTIME });
  }

  async function serveEdge(http: number, https: number): Promise<void> {
    const { spec } = aMeshService('web', { protocol: 'http', expose: { hosts: [HOST] } });
    const exposure = {
      namespace: 'shop',
      name: 'web',
      service: 'web',
      protocol: 'http' as const,
      createdAt: '2026-01-01T00:00:00Z',
      uid: 'web',
    };
    const exposures = [{ ...exposure, expose: spec.expose!, traffic: undefined }];
    await put(edgeState({ cluster: 'lab', ports: { http, https }, exposures, certificates: new Map(), nowMs: 0 }));
    await rig.proxy({ service: EDGE_SERVICE, consulNode: edgeNode('lab'), node: EDGE_SERVICE });
  }

  /** The same rule for the caller at both services, and for the edge gateway. */
  async function allow(rule: Rule, paths = ['/']): Promise<void> {
    const access = [{ from: 'caller', ...rule }];
    await rig.declare('legacy', { protocol: 'http', access });
    await rig.declare('web', {
      ...{ protocol: 'http', expose: { hosts: [HOST], paths } },
      access: [...access, ...(Object.keys(rule).length === 0 ? [] : [{ from: EDGE_SERVICE, ...rule }])],
    });
  }

  /** A rule holds everywhere once it lets its own through and refuses what the rule before it let through, each time. */
  const ready = (good: string, bad: string) =>
    eventually('the rule holds at all three', 60_000, async () => {
      for (let time = 0; time < 10; time += 1)
        for (const port of Object.values(ports))
          if ((await send(port, good)) !== 200 || (await send(port, bad)) !== 403) return false;
      return true;
    });

  async function attack(port: number, within: (path: string) => boolean, spellings: string[]): Promise<string[]> {
    const wrong: string[] = [];
    for (const spelling of spellings) {
      seen = [];
      const status = await send(port, spelling);
      for (const path of seen.map((each) => each.split('?')[0]!))
        for (const [reader, read] of Object.entries(READERS))
          if (!within(read(path))) wrong.push(`${spelling}: ${status}, sent as ${path}, ${read(path)} for ${reader}`);
    }
    return wrong;
  }

  for (const [kind, { rule, within, good, bad }] of Object.entries(RULES)) {
    it(`lets only paths within a rule by ${kind} reach the app, in every way in which apps read them`, async () => {
      await allow(rule);
      await ready(good[0]!, bad);
      for (const [at, port] of Object.entries(ports)) {
        expect(await attack(port, within, SPELLINGS), at).to.deep.equal([]);
        for (const path of good) {
          seen = [];
          expect(await send(port, path), `${at} ${path}`).to.equal(200);
          expect(seen, at).to.deep.equal([path]);
        }
      }
      console.info(`      ${kind}: ${SPELLINGS.length} spellings at ${Object.keys(ports).length} proxies`);
    });
  }

  it('lets the edge reach the paths of expose and nothing else, without a word in access', async () => {
    await rig.declare('web', {
      protocol: 'http',
      access: [{ from: '*' }],
      expose: { hosts: [HOST], paths: ['/public'] },
    });
    await eventually('the paths hold', 60_000, async () => (await send(ports.edge, '/refused')) === 403);
    const within = (path: string): boolean => path === '/public' || path.startsWith('/public/');
    expect(await attack(ports.edge, within, SPELLINGS)).to.deep.equal([]);
    for (const path of ['/public', '/public/x', '/public/a%20b;v=1'])
      expect(await send(ports.edge, path)).to.equal(200);
  });

  it('leaves escaped slashes as they are where no rule names a path', async () => {
    await allow({ methods: ['GET'] });
    const encoded = '/projects/group%2Frepo/files/a%5Cb;v=1//x';
    for (const [at, port] of Object.entries(ports)) {
      await eventually(`it passes at the ${at}`, 30_000, async () => {
        seen = [];
        return (await send(port, encoded)) === 200;
      });
      expect(seen, at).to.deep.equal([encoded]);
    }
  });
});
