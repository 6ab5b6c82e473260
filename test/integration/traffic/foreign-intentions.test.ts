import { expect } from 'chai';
import { connect } from 'node:net';
import { once } from 'node:events';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type TrafficRig, ask, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

type Json = Record<string, unknown>;

/** Intentions of another hand for all services, as servers that were there before often have one: real Consul, real Envoys. */
describe('an intention of another hand for every service', function () {
  this.timeout(120_000);
  let rig: TrafficRig;
  /** Ports of each caller for the three services. */
  const ports: Record<string, Record<'closed' | 'named' | 'narrow', number>> = {};

  before(async () => {
    rig = await startTrafficRig();
    await rig.declare('closed', { protocol: 'tcp', access: [] });
    await rig.declare('named', { protocol: 'http', access: [{ from: 'friend' }] });
    await rig.declare('narrow', { protocol: 'http', access: [{ from: 'friend', path: '/open' }] });
    for (const caller of ['friend', 'stranger']) {
      const [closed = 0, named = 0, narrow = 0] = await freePorts(3);
      ports[caller] = { closed, named, narrow };
      const upstreams = Object.entries(ports[caller]).map(([service, localPort]) => ({ service, localPort }));
      await rig.declare(caller, { upstreams });
      await rig.member(caller, 'pod', upstreams);
    }
    for (const service of ['closed', 'named', 'narrow']) await rig.member(service, 'vm');
    await eventually('the friend gets in', 30_000, async () => (await call('friend', 'named')) === 200);
  });
  after(() => rig?.stop());

  const call = async (caller: string, service: 'named' | 'narrow', path = '/'): Promise<number> =>
    (await ask(ports[caller]![service], path)).status;

  /** Everything that a caller gets back over tcp. */
  async function hears(caller: string): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port: ports[caller]!.closed });
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.0\r\n\r\n');
    let heard = '';
    socket.on('data', (part: Buffer) => (heard += part.toString()));
    await once(socket, 'close');
    return heard;
  }

  const asSaid = async (): Promise<void> => {
    expect(await hears('friend'), 'nobody may call').to.equal('');
    expect(await hears('stranger')).to.equal('');
    expect(await call('friend', 'named')).to.equal(200);
    expect(await call('stranger', 'named')).to.equal(403);
    expect(await call('friend', 'narrow', '/open')).to.equal(200);
    expect(await call('friend', 'narrow', '/other')).to.equal(403);
    expect(await call('stranger', 'narrow', '/open')).to.equal(403);
  };

  const write = async (Sources: Json[]) => {
    const modifyIndex = (await rig.consul.readConfig('service-intentions', '*'))?.modifyIndex ?? 0;
    const entry = { Kind: 'service-intentions' as const, Name: '*', Sources, Meta: {} };
    return rig.consul.apply([{ op: 'set-config', entry, modifyIndex }]);
  };

  it('opens no service of ours', async () => {
    await asSaid();
    // A service that no MeshService describes: there the foreign intention counts, so it has arrived.
    const [outcome] = await write([{ Name: '*', Action: 'allow' }]);
    expect(outcome).to.include({ ok: true });
    const [other = 0] = await freePorts(1);
    await rig.declare('witness', { upstreams: [{ service: 'elsewhere', localPort: other }] });
    await rig.member('witness', 'pod', [{ service: 'elsewhere', localPort: other }]);
    await rig.member('elsewhere', 'vm');
    await eventually('others are open by it', 30_000, async () => {
      const socket = connect({ host: '127.0.0.1', port: other });
      socket.on('error', () => undefined);
      socket.write('GET / HTTP/1.0\r\n\r\n');
      const [first] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [Buffer | boolean];
      socket.destroy();
      return Buffer.isBuffer(first);
    });
    await asSaid();
  });

  it('opens a tcp service not even to a caller that it names exactly, whom it lets into the others', async () => {
    const [outcome] = await write([{ Name: 'stranger', Action: 'allow' }]);
    expect(outcome).to.include({ ok: true });
    await eventually('the entry is in force', 30_000, async () => (await call('stranger', 'named')) === 200);
    expect(await hears('stranger')).to.equal('');
    expect(await hears('friend')).to.equal('');
  });
});
