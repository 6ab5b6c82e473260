import { expect } from 'chai';
import { once } from 'node:events';
import { createServer as http1, request } from 'node:http';
import { createServer as http2 } from 'node:http2';
import { createServer as https } from 'node:https';
import type { Server } from 'node:net';
import type { Condition } from '../../../crds/kubernetes.ts';
import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';
import { eventually } from '../../support/eventually.ts';
import { type PodEnvoys, podEnvoys } from '../../support/envoy/pod-envoys.ts';
import { serverTls } from '../../support/real/consul-tls.ts';
import { type OperatorRig, startOperatorRig } from '../operator/operator-rig.ts';

/** After a failed call; see AppNotListening. */
const BAR_MS = 10_000;
const LOCAL_PORT = 29_300;

interface Case {
  name: string;
  protocol: MeshServiceSpecInput['protocol'];
  app: () => Server | Promise<Server>;
  says: RegExp;
}

const answering = (_: unknown, answer: { end(body: string): void }): void => void answer.end('hello');
const tlsApp = async (): Promise<Server> => {
  const { certPem: cert, keyPem: key } = await serverTls('app');
  return https({ cert, key }, answering);
};
const CASES: Case[] = [
  {
    name: 'old',
    protocol: 'http2',
    app: () => http1(answering),
    says: /does not answer in HTTP\/2 without TLS \(spec\.protocol: http2\): write http if it speaks HTTP\/1\.1/,
  },
  {
    name: 'rpc',
    protocol: 'grpc',
    app: () => http1(answering),
    says: /does not answer in HTTP\/2 without TLS \(spec\.protocol: grpc\): write http if/,
  },
  {
    name: 'new',
    protocol: 'http',
    app: () => http2(answering),
    says: /in HTTP\/1\.1 \(spec\.protocol: http\): write http2 or grpc if it speaks HTTP\/2 alone/,
  },
  { name: 'tls', protocol: 'http', app: tlsApp, says: /in HTTP\/1\.1 \(spec\.protocol: http\).*listen without TLS/ },
  { name: 'tls2', protocol: 'http2', app: tlsApp, says: /in HTTP\/2 without TLS.*listen without TLS/ },
];

/** Real apps behind real Envoys, on a real API server and Consul. */
describe('an app that does not speak the protocol of its MeshService', function () {
  this.timeout(180_000);
  let rig: OperatorRig;
  let envoys: PodEnvoys;
  const apps: Server[] = [];
  const ports = new Map<string, number>();

  before(async () => {
    rig = await startOperatorRig({ LANDBRIDGE_VERIFY_SECONDS: '600' });
    envoys = await podEnvoys(rig.kube);
    for (const [index, { name, protocol, app }] of CASES.entries()) {
      const server = await app();
      apps.push(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      ports.set(name, port);
      await rig.declare(name, { protocol, port, access: [{ from: 'caller' }] });
      await envoys.start(`${name}-1`, name, `127.32.0.${index + 10}`);
    }
    const upstreams = CASES.map(({ name }, index) => ({ service: name, localPort: LOCAL_PORT + index }));
    await rig.declare('caller', { port: undefined, protocol: 'http', upstreams });
    await envoys.start('caller-1', 'caller', '127.32.0.2');
  });
  after(async () => {
    for (const app of apps) app.close();
    await envoys?.stop();
    await rig?.stop();
  });

  const get = (name: string): Promise<number> =>
    new Promise((resolve) => {
      const port = LOCAL_PORT + CASES.findIndex((one) => one.name === name);
      const asked = request({ host: '127.0.0.1', port, path: '/', agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      asked.once('error', () => resolve(0));
      asked.end();
    });
  /** Calls that the sidecar of the callee has passed on to its app. */
  const passedOn = async (name: string): Promise<number> => {
    const address = `127.32.0.${CASES.findIndex((one) => one.name === name) + 10}`;
    const filter = encodeURIComponent('^cluster.local_app.upstream_rq_total$');
    const stats = await (await fetch(`http://${address}:20200/stats/prometheus?filter=${filter}`)).text();
    return Number(/^envoy_cluster_upstream_rq_total\{.*\} (\d+)$/m.exec(stats)?.[1] ?? 0);
  };
  /** Three calls that reach the app and fail. */
  const failing = async (name: string): Promise<void> => {
    let before: number | undefined;
    await eventually(`three calls of ${name} fail at its app`, 20_000, async () => {
      // It may have answered until now.
      if ((await get(name)) === 200) before = undefined;
      else before ??= (await passedOn(name)) - 1;
      return before !== undefined && (await passedOn(name)) >= before + 3;
    });
  };
  const conditionOf = async (name: string): Promise<Condition | undefined> =>
    (await rig.statusOf(name))?.conditions?.find(({ type }) => type === 'Ready');
  const ready = (name: string, reason: string, withinMs: number): Promise<Condition> =>
    eventually(`Ready of ${name} is ${reason}`, withinMs, async () =>
      (await conditionOf(name))?.reason === reason ? conditionOf(name) : undefined,
    );

  for (const { name, protocol, says } of CASES)
    it(`is named within 10 s of calls that fail: ${name}, called with ${protocol}`, async () => {
      await failing(name);
      const { status, message } = await ready(name, 'ProtocolMismatch', BAR_MS);
      expect(status).to.equal('False');
      expect(message).to.contain(`Calls to pod ${name}-1 fail: the app at port ${ports.get(name)}`);
      expect(message).to.match(says);
      expect((await rig.statusOf(name))?.pods).to.equal('0/1');
    });

  it('is well by itself once the MeshService says the protocol of the app and a call is answered', async () => {
    await rig.declare('old', { protocol: 'http', port: ports.get('old'), access: [{ from: 'caller' }] });
    await eventually('a call gets through', 20_000, async () => (await get('old')) === 200);
    await ready('old', 'AllInstancesReady', BAR_MS);
    await rig.declare('new', { protocol: 'http2', port: ports.get('new'), access: [{ from: 'caller' }] });
    await eventually('a call gets through', 20_000, async () => (await get('new')) === 200);
    await ready('new', 'AllInstancesReady', BAR_MS);
  });

  it('is named again when the MeshService turns wrong while pods run', async () => {
    await rig.declare('old', { protocol: 'grpc', port: ports.get('old'), access: [{ from: 'caller' }] });
    await failing('old');
    // The first look after the change cannot tell calls in the earlier protocol from others.
    await eventually('a look after the change', BAR_MS, async () => {
      await get('old');
      return (await conditionOf('old'))?.reason === 'ProtocolMismatch';
    });
    await rig.declare('old', { protocol: 'http', port: ports.get('old'), access: [{ from: 'caller' }] });
    await eventually('a call gets through', 20_000, async () => (await get('old')) === 200);
    await ready('old', 'AllInstancesReady', BAR_MS);
  });

  it('is not claimed of an app that answers when its callers send nonsense', async () => {
    const { status } = await ready('old', 'AllInstancesReady', 1000);
    for (let call = 0; call < 5; call += 1) {
      const socket = await import('node:net').then(({ connect }) => connect(LOCAL_PORT, '127.0.0.1'));
      socket.on('error', () => undefined).resume();
      socket.end('\u0016\u0003\u0001 nonsense\r\n\r\n');
      await once(socket, 'close');
    }
    expect(await get('old')).to.equal(200);
    await rig.declare('old', {
      protocol: 'http',
      port: ports.get('old'),
      access: [{ from: 'caller' }, { from: 'new' }],
    });
    await new Promise((resolve) => setTimeout(resolve, 7000));
    expect(await conditionOf('old')).to.include({ status, reason: 'AllInstancesReady' });
  });
});
