import { type Server, createServer } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import { type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { secrets } from '../../../clients/kube/resources.ts';
import { type KeyPair, createAuthority, issue } from '../../../clients/pki/authority.ts';
import { EDGE_SERVICE } from '../../../crds/expose.ts';
import { equal } from '../../../mesh/equal.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type RunningEnvoy, runningPod, startEnvoy } from './edge-envoy.ts';
import { type OperatorRig, startOperatorRig } from '../operator/operator-rig.ts';

const APP_PORT = 18_080;
const HOST = 'shop.example';

/** The operator, Consul, the API server and two Envoys, all real: one is the gateway, one the sidecar of the app. */
describe('the edge', function () {
  this.timeout(60_000);
  let rig: OperatorRig;
  let gateway: RunningEnvoy;
  let sidecar: RunningEnvoy;
  let app: Server;
  let authority: KeyPair;
  let httpPort: number;
  let httpsPort: number;

  let resets = 0;

  const web = (expose?: object, traffic?: object) =>
    rig.declare('web', {
      port: APP_PORT,
      protocol: 'http',
      ...(expose === undefined ? {} : { expose: expose as never }),
      ...(traffic === undefined ? {} : { traffic: traffic as never }),
    });
  const get = (path: string, host = HOST): Promise<{ status: number; body: string }> =>
    answerOf(http.get({ port: httpPort, path, headers: { host }, agent: false, timeout: 5000 }));
  const getTls = (agent: https.Agent | false = false) => {
    const options = { port: httpsPort, path: '/', servername: HOST, headers: { host: HOST }, ca: authority.certPem };
    return answerOf(https.get({ ...options, agent, timeout: 5000 }));
  };
  const putSecret = async (name: string): Promise<string> => {
    const nowMs = Date.now();
    const pair = await issue(authority, { commonName: HOST, dns: [HOST], usage: 'server', nowMs, days: 1 });
    const data = { 'tls.crt': base64(pair.certPem), 'tls.key': base64(pair.keyPem) };
    await rig.kube.client.apply(secrets, { metadata: { name, namespace: 'shop' }, type: 'kubernetes.io/tls', data });
    return pair.certPem;
  };
  const exposed = async (): Promise<{ status: string; message: string } | undefined> =>
    (await rig.statusOf('web'))?.conditions?.find(({ type }) => type === 'Exposed');

  before(async function () {
    this.timeout(240_000);
    [httpPort = 0, httpsPort = 0] = await freePorts(2);
    authority = await createAuthority('test', { nowMs: Date.now(), days: 1 });
    app = createServer((request, response) => {
      if (request.url === '/hang') return;
      if (request.url === '/reset') {
        resets += 1;
        request.socket.destroy();
        return;
      }
      if (request.url === '/slow') return void setTimeout(() => response.end('done'), 16_500);
      if (request.url === '/events') {
        const timer = setInterval(() => response.write('.'), 500);
        return void setTimeout(() => (clearInterval(timer), response.end('end')), 16_500);
      }
      response.end(`app ${request.url}`);
    }).listen(APP_PORT, '127.0.0.1');
    const ports = { LANDBRIDGE_EDGE_HTTP_PORT: `${httpPort}`, LANDBRIDGE_EDGE_HTTPS_PORT: `${httpsPort}` };
    rig = await startOperatorRig({ LANDBRIDGE_EDGE: 'enabled', ...ports });
    await web();
    await runningPod(rig.kube, 'web', '127.0.0.1');
    sidecar = await startEnvoy(rig.kube, 'shop', 'web', 'web-1-sidecar');
    gateway = await startEnvoy(rig.kube, 'landbridge', EDGE_SERVICE, EDGE_SERVICE);
  });
  after(async () => {
    // Stops each part even when another fails, since an open one keeps the whole suite from its end.
    app?.closeAllConnections();
    app?.close();
    const ended = await Promise.allSettled([gateway?.stop(), sidecar?.stop()]);
    await rig?.stop();
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
  });
  const served = (what: string, ask: () => Promise<{ status: number; body: string }>) =>
    eventually(what, 30_000, async () => {
      const found = await ask().catch(() => undefined);
      return found?.status === 200 ? found : undefined;
    }).catch((error: Error) => Promise.reject(new Error(`${error.message}\n${gateway.log().slice(-4000)}`)));
  const goneOverTls = () =>
    eventually('it is gone', 15_000, () =>
      getTls().then(
        ({ status }) => status === 404,
        () => true,
      ),
    );

  it('serves what is exposed, under its hosts and paths and no others, with no word about access', async () => {
    await web({ hosts: [HOST], paths: ['/api'] });
    const answer = await served('it answers', () => get('/api/x'));
    expect(answer.body).to.equal('app /api/x');
    expect((await get('/api')).status).to.equal(200);
    expect((await get('/apis')).status).to.equal(404);
    expect((await get('/')).status).to.equal(404);
    expect((await get('/api', 'other.example')).status).to.equal(404);
    // As a browser asks for a port that is not 80.
    expect((await get('/api', `${HOST}:${httpPort}`)).status).to.equal(200);
    expect(await eventually('the status says so', 10_000, exposed)).to.include({ status: 'True' });
  });

  it('serves HTTPS, and takes a new certificate over without losing a request', async function () {
    const first = await putSecret('shop-tls');
    await web({ hosts: [HOST], tlsSecret: 'shop-tls' });
    await served('it answers over TLS', () => getTls());
    const agent = new https.Agent({ keepAlive: true, maxSockets: 8 });
    const failures: string[] = [];
    const seen = new Set<string>();
    let stop = false;
    let answered = 0;
    const load = async (kept: boolean): Promise<void> => {
      while (!stop) {
        await getTls(kept ? agent : false).then(
          ({ status, certificate }) => {
            answered += 1;
            if (certificate !== undefined) seen.add(certificate);
            if (status !== 200) failures.push(`${status}`);
          },
          (error: Error) => failures.push(error.message),
        );
      }
    };
    const clients = [true, true, true, true, false, false].map(load);
    try {
      const second = await putSecret('shop-tls');
      expect(second).to.not.equal(first);
      await eventually('new connections see the new certificate', 30_000, () => seen.size === 2);
      // Long enough for a change that is half taken over to show itself.
      await new Promise((resolve) => setTimeout(resolve, 3000));
    } finally {
      stop = true;
      await Promise.all(clients);
      agent.destroy();
    }
    expect(answered).to.be.greaterThan(100);
    expect(failures).to.deep.equal([]);
  });

  it('says what is wrong with a Secret, and serves nothing in plain meanwhile', async () => {
    await web({ hosts: [HOST], tlsSecret: 'other-tls' });
    const told = await eventually('the status says why', 10_000, async () => {
      const found = await exposed();
      return found?.status === 'False' ? found : undefined;
    });
    expect(told.message).to.equal('there is no Secret shop/other-tls: make it with tls.crt and tls.key');
    await eventually('plain HTTP is closed', 10_000, () =>
      get('/').then(
        ({ status }) => status === 404,
        () => true,
      ),
    );
  });

  it('stops serving it when expose is taken out, and then only callers with access may call it', async () => {
    await web();
    await goneOverTls();
    await eventually('nothing of it is left in Consul', 15_000, async () => {
      const kinds = ['http-route', 'inline-certificate'] as const;
      const left = (await Promise.all(kinds.map((kind) => rig.consul.listConfig(kind)))).flat();
      const ofOthers = left.every(({ entry }) => entry.Name === EDGE_SERVICE);
      const intentions = (await rig.consul.readConfig('service-intentions', 'web'))?.entry;
      return ofOthers && equal(intentions?.['Sources'], [{ Name: '*', Action: 'deny' }]);
    });
    // It is written when the walk that removed the rest is over.
    await eventually('the status has no word of it', 10_000, async () => (await exposed()) === undefined);
  });

  it('serves a newly exposed service after a time without any, though its own rules changed meanwhile', async () => {
    for (const timeout of ['7s', '8s']) {
      await web(undefined, { timeout });
      await eventually('the rules have changed', 15_000, async () => {
        const router = await rig.consul.readConfig('service-router', 'web');
        return JSON.stringify(router?.entry).includes(timeout) && (await exposed()) === undefined;
      });
      await putSecret('shop-tls');
      await web({ hosts: [HOST], tlsSecret: 'shop-tls' }, { timeout });
      await served(`it answers over TLS (${timeout})`, () => getTls());
      await web(undefined, { timeout });
      await goneOverTls();
      await web({ hosts: [HOST] }, { timeout });
      await served(`it answers in plain (${timeout})`, () => get('/'));
    }
  });

  it('serves all below a host that begins with a star, and not the host itself', async () => {
    await web({ hosts: [`*.${HOST}`] });
    await served('it answers', () => get('/', `one.${HOST}`));
    expect((await get('/', `two.one.${HOST}:${httpPort}`)).status).to.equal(200);
    expect((await get('/')).status).to.equal(404);
    expect((await get('/', `not${HOST}`)).status).to.equal(404);
  });

  it('leaves the path as it is, two slashes at its beginning too', async () => {
    await web({ hosts: [HOST], paths: ['/', '/api'] });
    await eventually('it answers', 15_000, async () => (await get('/')).status === 200);
    for (const path of ['/', '//bucket//key', '/api', '/api/', '/api//x?y=/api/', '/apis', '/?q=1']) {
      expect((await get(path)).body).to.equal(`app ${path}`);
    }
  });

  it('lets an answer take as long as the service says, and a stream go on without a timeout', async () => {
    const long = (path: string) =>
      answerOf(http.get({ port: httpPort, path, headers: { host: HOST }, agent: false, timeout: 20_000 }));
    const heard = (limits: string) =>
      eventually('the gateway has heard', 15_000, async () => {
        const dump = await fetch(`http://127.0.0.1:${gateway.adminPort}/config_dump`);
        return (await dump.text()).replaceAll(/\s/g, '').includes(limits);
      });
    await web({ hosts: [HOST] }, { timeout: '60s', idleTimeout: '0s' });
    await heard('"timeout":"60s"');
    await heard('"idle_timeout":"0s"');
    expect(await long('/slow')).to.include({ status: 200, body: 'done' });
    await web({ hosts: [HOST] }, { timeout: '0s', idleTimeout: '10m' });
    await heard('"timeout":"0s"');
    await heard('"idle_timeout":"600s"');
    expect((await long('/events')).body).to.match(/[.]{25,}end$/);
  });

  it("answers within the service's own timeout, and tries GET again as it says and POST not", async () => {
    await web({ hosts: [HOST] }, { timeout: '300ms', retries: { attempts: 2, statusCodes: [503] } });
    await served('it answers', () => get('/'));
    await eventually('the timeout is there', 15_000, async () => (await get('/hang')).status === 504);
    const asked = async (method: string, headers: object = { host: HOST }): Promise<number> => {
      resets = 0;
      const request = http.request({ port: httpPort, path: '/reset', method, headers: { ...headers }, agent: false });
      request.end();
      expect((await answerOf(request)).status).to.equal(503);
      return resets;
    };
    expect(await asked('GET')).to.equal(3);
    expect(await asked('POST')).to.equal(1);
    // Envoy takes limits from a request that looks like one from inside.
    for (const from of ['10.1.2.3', '127.0.0.1', '203.0.113.9, 10.1.2.3']) {
      const more = { 'x-envoy-upstream-rq-timeout-ms': '4000', 'x-envoy-retry-on': '5xx', 'x-envoy-max-retries': '9' };
      const headers = { host: HOST, 'x-forwarded-for': from, ...more };
      const hanging = http.get({ port: httpPort, path: '/hang', headers, agent: false });
      const beganMs = performance.now();
      expect((await answerOf(hanging)).status).to.equal(504);
      expect(performance.now() - beganMs, from).to.be.lessThan(2500);
      expect(await asked('POST', headers), from).to.equal(1);
    }
  });
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function answerOf(request: http.ClientRequest): Promise<{ status: number; body: string; certificate?: string }> {
  return new Promise((resolve, reject) => {
    request.once('timeout', () => request.destroy(new Error('timeout')));
    request.once('error', reject);
    request.once('response', (response) => {
      const peer = (response.socket as TLSSocket).getPeerX509Certificate?.();
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (body += part));
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body, certificate: peer?.fingerprint256 }),
      );
    });
  });
}
