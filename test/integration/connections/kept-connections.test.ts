import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer, request } from 'node:http';
import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type Member, type TrafficRig, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** Requests to an app that closes its connections, through a real Consul and real Envoys. */
describe('an app that closes kept connections', function () {
  this.timeout(90_000);
  let rig: TrafficRig;
  let app: Server;
  let sidecar: Member;
  let caller: Member;
  let port = 0;
  let connections = 0;
  /** Method, path and body of each request that the app has got. */
  let got: string[] = [];
  let answer: (asked: IncomingMessage, response: ServerResponse, body: string) => void;
  const used = new WeakSet<object>();

  const ok = (_asked: IncomingMessage, response: ServerResponse): void => void response.end('ok');
  /** A second request on a connection is not answered: the app hangs up, as one does whose keep-alive ends just then. */
  const onceEach = (asked: IncomingMessage, response: ServerResponse): void => {
    if (used.has(asked.socket)) return void asked.socket.destroy();
    used.add(asked.socket);
    response.end('ok');
  };
  const ask = (method = 'GET', path = '/x', body = ''): Promise<number> =>
    new Promise((resolve) => {
      const sent = request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
        if ('x-landbridge-lost' in response.headers) return void resolve(-1);
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      });
      sent.once('error', () => resolve(0));
      sent.end(body);
    });
  const inTurn = async (count: number, method: string, body = ''): Promise<Record<number, number>> => {
    const counts: Record<number, number> = {};
    for (let index = 0; index < count; index += 1) {
      const status = await ask(method, `/${method}/${index}`, body);
      counts[status] = (counts[status] ?? 0) + 1;
    }
    return counts;
  };
  const atOnce = async (count: number, method: string, body = ''): Promise<Record<number, number>> => {
    const counts: Record<number, number> = {};
    const asked = Array.from({ length: count }, (_, index) => ask(method, `/${method}/${index}`, body));
    for (const status of await Promise.all(asked)) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  };
  const stat = async (member: Member, name: string): Promise<number> =>
    Number(/: (\d+)/.exec(await member.admin(`/stats?filter=${encodeURIComponent(name)}`))?.[1] ?? 0);

  before(async () => {
    rig = await startTrafficRig();
    const [appPort = 0, localPort = 0] = await freePorts(2);
    port = localPort;
    answer = ok;
    app = createServer((asked, response) => {
      let body = '';
      asked.on('data', (part: Buffer) => (body += part.toString()));
      asked.once('end', () => {
        got.push(`${asked.method} ${asked.url} ${body}`);
        answer(asked, response, body);
      });
      asked.on('error', () => undefined);
    }).listen(appPort, '127.0.0.1');
    app.keepAliveTimeout = 120_000;
    app.on('connection', () => (connections += 1));
    await once(app, 'listening');
    await rig.declare('web', { protocol: 'http', access: [{ from: 'caller' }] });
    await rig.declare('caller', { upstreams: [{ service: 'web', localPort: port }] });
    sidecar = await rig.member('web', 'pod', [], { appPort, accessLog: 'none' });
    caller = await rig.member('caller', 'vm', [{ service: 'web', localPort: port }]);
    await eventually('it answers', 20_000, async () => (await ask()) === 200);
    await eventually('the sidecar has its options', 20_000, async () =>
      (await sidecar.admin('/config_dump')).includes('x-landbridge-lost'),
    );
  });
  beforeEach(() => {
    got = [];
  });
  afterEach(() => {
    answer = ok;
  });
  after(async () => {
    app?.closeAllConnections();
    app?.close();
    await rig?.stop();
  });

  it('costs no request that may be sent twice', async () => {
    answer = onceEach;
    expect(await inTurn(60, 'GET')).to.deep.equal({ 200: 60 });
    expect(await inTurn(20, 'PUT', 'whole')).to.deep.equal({ 200: 20 });
    expect(got.filter((line) => line.startsWith('PUT') && !line.endsWith(' whole'))).to.deep.equal([]);
    expect(await stat(caller, 'ejections_enforced_total')).to.equal(0);
  });

  describe('under appConnections: PerRequest', () => {
    const declare = (appConnections: 'Kept' | 'PerRequest') =>
      rig.declare('web', { protocol: 'http', access: [{ from: 'caller' }], proxy: { appConnections } });
    const holds = (words: string) =>
      eventually(`the sidecar has ${words}`, 20_000, async () => (await sidecar.admin('/config_dump')).includes(words));
    before(async () => {
      await declare('PerRequest');
      await holds('max_requests_per_connection');
    });
    after(async () => {
      await declare('Kept');
      await holds('"idle_timeout": "0.500s"');
    });

    it('costs no request of a burst, however many it hangs up on at once', async () => {
      const old = new WeakSet<object>();
      const onOldOnes: typeof answer = (asked, response) =>
        old.has(asked.socket) ? void asked.socket.destroy() : ok(asked, response);
      for (const hangsUp of [onceEach, onOldOnes]) {
        for (let round = 0; round < 20; round += 1) {
          answer = (asked, response) => {
            old.add(asked.socket);
            ok(asked, response);
          };
          await atOnce(40, 'GET');
          answer = hangsUp;
          expect(await atOnce(40, 'GET'), `round ${round}`).to.deep.equal({ 200: 40 });
        }
      }
    });

    it('gets each POST of a burst once, and answers it', async () => {
      answer = onceEach;
      expect(await atOnce(40, 'POST', 'order')).to.deep.equal({ 200: 40 });
      expect(got).to.have.length(40);
      expect(new Set(got).size).to.equal(40);
    });

    it('gets a connection for each request, without a pause between them too', async () => {
      const before = connections;
      expect(await inTurn(30, 'POST')).to.deep.equal({ 200: 30 });
      expect(connections - before).to.equal(30);
      await eventually(
        'all are closed',
        5000,
        async () => (await stat(sidecar, 'cluster.local_app.upstream_cx_active')) === 0,
      );
    });
  });

  it('never gets a POST twice', async () => {
    answer = onceEach;
    await inTurn(20, 'POST', 'order');
    expect(got).to.have.length(20);
    expect(new Set(got).size).to.equal(20);
  });

  it('is asked once, by every method, where it answers 503 itself', async () => {
    answer = (_asked, response) => void response.writeHead(503).end('busy');
    await rig.declare('web', {
      protocol: 'http',
      access: [{ from: 'caller' }],
      traffic: { passiveHealth: { mode: 'Off' } },
    });
    for (const method of ['GET', 'PUT', 'POST']) expect(await inTurn(5, method)).to.deep.equal({ 503: 5 });
    expect(got).to.have.length(15);
  });

  it('is asked as often as spec.traffic.retries says when it resets every request', async () => {
    answer = (asked) => void asked.socket.destroy();
    const times = async (retries: object, method: string): Promise<number> => {
      const passiveHealth = { mode: 'Off' as const };
      await rig.declare('web', {
        protocol: 'http',
        access: [{ from: 'caller' }],
        traffic: { timeout: '9s', retries, passiveHealth },
      });
      got = [];
      expect(await ask(method)).to.equal(503);
      return got.length;
    };
    await eventually('no further tries', 15_000, async () => (await times({ attempts: 0 }, 'GET')) === 1);
    await eventually('three further tries', 15_000, async () => (await times({ attempts: 3 }, 'GET')) === 4);
    expect(await times({ attempts: 3 }, 'POST')).to.equal(1);
    await eventually(
      'only what was not seen',
      15_000,
      async () => (await times({ on: ['connect-failure'] }, 'GET')) === 1,
    );
  });

  it('has no connection kept to it for longer than half a second, which is shorter than any common keep-alive', async () => {
    const open = async () => (await stat(sidecar, 'cluster.local_app.upstream_cx_active')) as number;
    await ask();
    expect(await open()).to.be.at.least(1);
    await eventually('it is idle and closed', 5000, async () => (await open()) === 0);
    const before = connections;
    // A caller without a pause goes on with one connection.
    expect(await inTurn(30, 'POST')).to.deep.equal({ 200: 30 });
    expect(connections - before).to.be.at.most(2);
  });
});
