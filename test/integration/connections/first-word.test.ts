import { once } from 'node:events';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { expect } from 'chai';
import { WAITING_LISTENER } from '../../../mesh/service/instance.ts';
import { waitingListener } from '../../../mesh/service/waiting-listener.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type Member, type TrafficRig, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** `spec.speaksFirst: Caller` on a real Consul and real Envoys: a sidecar judges the caller before the app hears of it. */
describe('a tcp service in which the caller speaks first', function () {
  this.timeout(120_000);
  let rig: TrafficRig;
  let server: Server;
  /** Connections that came to the app. */
  let connections = 0;
  const sockets = new Set<Socket>();
  let vault: Member;
  let friend = 0;
  let stranger = 0;

  before(async () => {
    rig = await startTrafficRig();
    const [appPort = 0, one = 0, two = 0] = await freePorts(3);
    [friend, stranger] = [one, two];
    server = createServer((socket) => {
      connections += 1;
      sockets.add(socket.on('error', () => undefined));
      // Says something first all the same: nobody without access hears it.
      socket.write('hello\n');
      socket.on('data', (part) => socket.write(`echo ${String(part)}`));
    }).listen(appPort, '127.0.0.1');
    await rig.declare('vault', { protocol: 'tcp', speaksFirst: 'Caller', access: [{ from: 'friend' }] });
    for (const [name, localPort] of [
      ['friend', friend],
      ['stranger', stranger],
    ] as const)
      await rig.declare(name, { upstreams: [{ service: 'vault', localPort }] });
    vault = await rig.member('vault', 'pod', [], { appPort, accessLog: 'json' });
    await rig.member('friend', 'pod', [{ service: 'vault', localPort: friend }]);
    await rig.member('stranger', 'pod', [{ service: 'vault', localPort: stranger }]);
    await eventually(
      'the friend gets in',
      30_000,
      async () => (await talk(friend, 'ready?')).includes('echo') || undefined,
    );
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    server?.close();
    await rig?.stop();
  });

  /** The bytes that arrive until the connection ends, or until there is an answer. */
  async function talk(port: number, ...words: string[]): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port });
    let heard = '';
    socket.on('error', () => undefined);
    await once(socket, 'connect').catch(() => undefined);
    for (const word of words) {
      socket.write(word);
      // A reset ends a connection as a close does.
      await Promise.race([once(socket, 'data').then(([part]) => (heard += String(part))), once(socket, 'close')]).catch(
        () => undefined,
      );
    }
    socket.destroy();
    return heard;
  }

  it('is registered in Consul as it is wanted, so that it is not written again and again', async () => {
    const node = (await rig.consul.readNode('vm.rig.host'))!;
    const { service } = Object.values(node.registrations).find(
      ({ service }) => service.Kind === 'connect-proxy' && service.Proxy?.DestinationServiceName === 'vault',
    )!;
    expect(service.Proxy?.Config).to.deep.equal({
      [WAITING_LISTENER]: waitingListener({
        ...{ address: '0.0.0.0', port: service.Port, appPort: service.Proxy!.LocalServicePort! },
        ...{ accessLog: 'json', judgement: 'firstByte' },
      }),
    });
  });

  it('has its connections in the access log', async () => {
    await talk(friend, 'hi');
    await eventually(
      'a line',
      10_000,
      async () => /"upstream_cluster":"local_app"/.test(vault.accessLog()) || undefined,
    );
  });

  it('answers who may call, with all that the caller said and both ways', async () => {
    const large = 'x'.repeat(300_000);
    const socket = connect({ host: '127.0.0.1', port: friend });
    let heard = 0;
    socket.on('data', (part: Buffer) => (heard += part.length));
    socket.write(large);
    await eventually('all of it comes back', 20_000, async () => heard >= large.length || undefined);
    socket.destroy();
  });

  it('gets no connection from a caller without access, and that caller hears nothing', async () => {
    const before = connections;
    const heard: string[] = [];
    for (let turn = 0; turn < 20; turn++) heard.push(await talk(stranger, 'let me in'));
    expect(heard.join('')).to.equal('');
    expect(connections).to.equal(before);
  });

  it('says nothing to a caller without access who waits for it', async () => {
    const before = connections;
    const socket = connect({ host: '127.0.0.1', port: stranger });
    let heard = '';
    socket.on('data', (part: Buffer) => (heard += part.toString()));
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    // A call of the friend that begins later comes to its end: by then a greeting would have been here.
    for (let turn = 0; turn < 20; turn++) expect(await talk(friend, 'hi')).to.contain('hello');
    expect(heard).to.equal('');
    expect(connections).to.equal(before + 20);
    socket.destroy();
  });
});
