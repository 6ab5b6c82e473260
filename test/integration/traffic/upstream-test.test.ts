import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { type Server, createServer } from 'node:net';
import { expect } from 'chai';
import { tryUpstream } from '../../../agent/reach/try-upstream.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type Member, type TrafficRig, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** The sentences of `landbridge vm test` about upstreams that do not work, on real Envoys. */
describe('the test of an upstream', function () {
  this.timeout(120_000);
  let rig: TrafficRig;
  let caller: Member;
  const apps: Server[] = [];
  const localPorts = new Map<string, number>();

  /** Each app but `gone`, at which nobody listens, and `none`, which has no instance. */
  const APPS: Record<string, (() => Server) | undefined> = {
    well: () => http.createServer((_, answer) => answer.end('well')),
    failing: () =>
      http.createServer((_, answer) => {
        answer.statusCode = 502;
        answer.end('bad gateway');
      }),
    slow: () => http.createServer(() => undefined),
    redis: () =>
      createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', () => socket.write('+PONG\r\n'));
      }),
    h2only: () => http2.createServer((_, answer) => answer.end('h2')),
    h1only: () => http.createServer((_, answer) => answer.end('h1')),
    gone: undefined,
    none: undefined,
    shut: () => http.createServer((_, answer) => answer.end('shut')),
  };

  before(async () => {
    rig = await startTrafficRig();
    const names = Object.keys(APPS);
    const ports = await freePorts(2 * names.length);
    const upstreams = names.map((service, i) => ({ service, localPort: ports[i]! }));
    for (const [i, service] of names.entries()) {
      localPorts.set(service, ports[i]!);
      await rig.declare(service, {
        protocol: service === 'h1only' ? 'grpc' : 'http',
        access: service === 'shut' ? [] : [{ from: 'caller' }],
        ...(service === 'slow' ? { traffic: { timeout: '1s' } } : {}),
      });
      const appPort = ports[names.length + i]!;
      const app = APPS[service]?.().listen(appPort, '127.0.0.1');
      if (app !== undefined) {
        apps.push(app);
        await once(app, 'listening');
      }
      if (service !== 'none') await rig.member(service, 'vm', [], { appPort, accessLog: 'none' });
    }
    await rig.declare('caller', { upstreams });
    caller = await rig.member('caller', 'vm', upstreams);
    await eventually('a call gets through', 30_000, async () => (await tried('well')).ok);
  });
  after(async () => {
    for (const app of apps) app.close();
    await rig?.stop();
  });

  const tried = (service: string) => tryUpstream(caller.adminSocket, { service, localPort: localPorts.get(service)! });

  it('is well for any answer of the app, its own 502 included', async () => {
    expect(await tried('well')).to.include({ ok: true });
    expect((await tried('failing')).output).to.match(/^GET \/ answered 502 in \d+ ms$/);
  });

  for (const [service, words] of [
    ['redis', 'give spec.protocol of MeshService redis'],
    ['h2only', 'give spec.protocol of MeshService h2only'],
    ['h1only', 'give spec.protocol of MeshService h1only'],
    ['slow', 'spec.traffic.timeout of MeshService slow'],
    ['gone', 'its app does not accept connections'],
    ['none', 'no instance of none takes traffic'],
    ['shut', 'name this service in spec.access'],
  ] as const) {
    it(`fails for ${service}, and says "${words}"`, async () => {
      const found = await eventually(`${service} is known`, 15_000, async () => {
        const now = await tried(service);
        return now.output.includes('has not got it') ? undefined : now;
      });
      expect(found.output).to.contain(words);
      expect(found.ok).to.equal(false);
    });
  }
});
