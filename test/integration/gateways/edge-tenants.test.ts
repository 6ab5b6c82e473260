import { type Server, createServer } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { meshServices, namespaces, secrets } from '../../../clients/kube/resources.ts';
import { type KeyPair, createAuthority, issue } from '../../../clients/pki/authority.ts';
import { EDGE_SERVICE } from '../../../crds/expose.ts';
import type { MeshServiceStatus } from '../../../crds/mesh-service.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type RunningEnvoy, runningPod, startEnvoy } from './edge-envoy.ts';
import { type OperatorRig, startOperatorRig } from '../operator/operator-rig.ts';

const PORTS = { a: 18_081, b: 18_082 };
type Team = keyof typeof PORTS;

/** Two teams with a namespace and a service each, behind one gateway; all parts are real. */
describe('two teams at one edge', function () {
  this.timeout(90_000);
  let rig: OperatorRig;
  const envoys: RunningEnvoy[] = [];
  let apps: Server[] = [];
  let authority: KeyPair;
  let httpPort = 0;
  let httpsPort = 0;
  /** Requests that the app of each team was asked. */
  const asked: Record<Team, string[]> = { a: [], b: [] };

  const declare = (team: Team, expose?: object, name = `web-${team}`) =>
    rig.kube.client.apply(meshServices, {
      metadata: { name, namespace: `team-${team}` },
      spec: {
        ...{ port: PORTS[team], protocol: 'http', ...(expose === undefined ? {} : { expose }) },
        workloads: { pods: { selector: { matchLabels: { app: name } } } },
      },
    });
  const exposed = async (team: Team, name = `web-${team}`) =>
    (
      await rig.kube.client.get<KubeObject & { status?: MeshServiceStatus }>(meshServices, name, `team-${team}`)
    )?.status?.conditions?.find(({ type }) => type === 'Exposed');
  const told = (team: Team, words: string) =>
    eventually(`team-${team} is told "${words}"`, 20_000, async () => {
      const found = await exposed(team);
      expect(found?.message ?? '').to.include(words);
      return found!;
    });
  const isServed = (team: Team) =>
    eventually(`team-${team} is served`, 20_000, async () => {
      const found = await exposed(team);
      expect(found, found?.message).to.include({ status: 'True' });
      return true;
    });
  const get = (host: string, path = '/') =>
    answerOf(http.get({ port: httpPort, path, headers: { host }, agent: false, timeout: 5000 }));
  const getTls = (host: string, path = '/') => {
    const options = { port: httpsPort, path, servername: host, headers: { host }, ca: authority.certPem };
    return answerOf(https.get({ ...options, agent: false, timeout: 5000 }));
  };
  const answers = (ask: () => Promise<{ status: number; body: string }>, body: string) =>
    eventually(`the answer is ${body}`, 30_000, async () => {
      expect(await ask()).to.deep.equal({ status: 200, body });
      return true;
    }).catch((error: Error) => Promise.reject(new Error(`${error.message}\n${envoys.at(-1)!.log().slice(-4000)}`)));
  async function putSecret(team: Team, name: string, dns: string[], commonName = dns[0]!): Promise<void> {
    const input = { commonName, dns, usage: 'server' as const, nowMs: Date.now(), days: 1 };
    const pair = await issue(authority, input);
    const data = { 'tls.crt': base64(pair.certPem), 'tls.key': base64(pair.keyPem) };
    const metadata = { name, namespace: `team-${team}` };
    await rig.kube.client.apply(secrets, { metadata, type: 'kubernetes.io/tls', data });
  }

  before(async function () {
    this.timeout(240_000);
    [httpPort = 0, httpsPort = 0] = await freePorts(2);
    authority = await createAuthority('test', { nowMs: Date.now(), days: 1 });
    apps = (['a', 'b'] as const).map((team) =>
      createServer((request, response) => {
        asked[team].push(`${request.headers.host} ${request.url}`);
        response.end(`team-${team} ${request.url}`);
      }).listen(PORTS[team], '127.0.0.1'),
    );
    const ports = { LANDBRIDGE_EDGE_HTTP_PORT: `${httpPort}`, LANDBRIDGE_EDGE_HTTPS_PORT: `${httpsPort}` };
    const rules = { LANDBRIDGE_EDGE_HOSTS: JSON.stringify({ hosts: { 'given.example': ['team-b'] } }) };
    rig = await startOperatorRig({ LANDBRIDGE_EDGE: 'enabled', ...ports, ...rules });
    for (const [index, team] of (['a', 'b'] as const).entries()) {
      const labels = { 'landbridge.dev/mesh': 'enabled' };
      await rig.kube.client.create(namespaces, { metadata: { name: `team-${team}`, labels } });
      await declare(team);
      await runningPod(rig.kube, `web-${team}`, `127.0.0.${index + 1}`, `team-${team}`);
      envoys.push(await startEnvoy(rig.kube, `team-${team}`, `web-${team}`, `web-${team}-1-sidecar`));
    }
    envoys.push(await startEnvoy(rig.kube, 'landbridge', EDGE_SERVICE, EDGE_SERVICE));
  });
  after(async () => {
    for (const app of apps) {
      app.closeAllConnections();
      app.close();
    }
    const ended = await Promise.allSettled(envoys.map((envoy) => envoy.stop()));
    await rig?.stop();
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
  });
  beforeEach(() => {
    asked.a.length = 0;
    asked.b.length = 0;
  });

  it('keeps logins of the first one from the second, at its path, below its star and above its host', async () => {
    await declare('a', { hosts: ['shop.example', '*.shop.example'] });
    await answers(() => get('shop.example', '/login'), 'team-a /login');
    await answers(() => get('pay.shop.example'), 'team-a /');
    const takes = [
      ['shop.example', 'shop.example belongs to namespace team-a'],
      ['pay.shop.example', 'pay.shop.example is below *.shop.example, which belongs to namespace team-a'],
      ['*.pay.shop.example', '*.pay.shop.example is below *.shop.example, which belongs to namespace team-a'],
      ['*.example', '*.example covers *.shop.example, which belongs to namespace team-a'],
    ];
    for (const [host, words] of takes) {
      await declare('b', { hosts: ['b.example', host!], paths: ['/login', '/'] });
      const { message } = await told('b', words!);
      expect(message).to.include('sharedWith: [team-b]').and.include('edge.hosts: {"');
      await answers(() => get('b.example', '/login'), 'team-b /login');
      expect(await get('shop.example', '/login')).to.deep.equal({ status: 200, body: 'team-a /login' });
      expect(await get('deep.pay.shop.example', '/login')).to.deep.equal({ status: 200, body: 'team-a /login' });
      for (const spelling of ['SHOP.example', `shop.example:${httpPort}`, 'shop.example.', 'shop.example:1'])
        expect((await get(spelling, '/login').catch(() => ({ body: 'none' }))).body).not.to.include('team-b');
    }
    expect(asked.b.filter((line) => !line.startsWith('b.example '))).to.deep.equal([]);
  });

  it('keeps the host for a day while the first one is made again, though the second one waits', async () => {
    await declare('b', { hosts: ['shop.example'] });
    await told('b', 'belongs to namespace team-a, the first');
    await rig.kube.client.delete(meshServices, 'web-a', 'team-a');
    await told(
      'b',
      `belongs to namespace team-a until ${new Date(Date.now() + 86_000_000).toISOString().slice(0, 10)}`,
    );
    expect((await get('shop.example')).body).not.to.include('team-b');
    await declare('a', { hosts: ['shop.example'] });
    await answers(() => get('shop.example'), 'team-a /');
    expect(asked.b).to.deep.equal([]);
  });

  it('serves what the first one shares, under paths that the first one does not have', async () => {
    await declare('a', { hosts: ['shop.example'], paths: ['/shop'], sharedWith: ['team-b'] });
    await declare('b', { hosts: ['shop.example'], paths: ['/help'] });
    await isServed('b');
    await answers(() => get('shop.example', '/help'), 'team-b /help');
    expect((await get('shop.example', '/shop')).body).to.equal('team-a /shop');
    await declare('b', { hosts: ['shop.example'], paths: ['/help', '/shop'] });
    await told('b', 'shop.example/shop is exposed by namespace team-a already');
    await answers(() => get('shop.example', '/shop'), 'team-a /shop');
    await declare('a', { hosts: ['shop.example'], paths: ['/shop'] });
    await told('b', 'shop.example belongs to namespace team-a');
    await eventually('it is shared no more', 20_000, async () => (await get('shop.example', '/help')).status === 404);
  });

  it('gives a host to the namespaces that the values name, and to no others', async () => {
    await declare('a', { hosts: ['given.example'] });
    const { message } = await told('a', 'given.example is not for namespace team-a');
    expect(message).to.include('edge.hosts');
    await declare('b', { hosts: ['given.example'] });
    await answers(() => get('given.example'), 'team-b /');
  });

  it('keeps TLS of the first one up under any certificate of the second one', async () => {
    await putSecret('a', 'tls', ['a.example', 'www.a.example']);
    await declare('a', { hosts: ['a.example'], tlsSecret: 'tls' });
    await answers(() => getTls('a.example'), 'team-a /');
    const stays = async () => expect(await getTls('a.example')).to.deep.equal({ status: 200, body: 'team-a /' });

    // A certificate of its own, whose common name stands among its names, as most do.
    await putSecret('b', 'tls', ['b.example']);
    await declare('b', { hosts: ['b.example'], tlsSecret: 'tls' });
    await answers(() => getTls('b.example'), 'team-b /');
    await stays();

    for (const dns of [['b.example', 'a.example'], ['a.example']]) {
      await putSecret('b', 'tls', dns);
      await told('b', 'Secret team-b/tls: tls.crt is also for a host of others');
      await stays();
    }
    await putSecret('b', 'tls', ['b.example'], '');
    await told('b', 'tls.crt has a common name that is empty');
    await stays();
    // Partial stars, and names that nobody has.
    await putSecret('b', 'tls', ['b.example', 'w*.b.example', '*', 'localhost'], 'f*o');
    await isServed('b');
    await answers(() => getTls('b.example'), 'team-b /');
    await stays();
    await answers(() => getTls('a.example', '/again'), 'team-a /again');
  });
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function answerOf(request: http.ClientRequest): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request.once('timeout', () => request.destroy(new Error('timeout')));
    request.once('error', reject);
    request.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (body += part));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
  });
}
