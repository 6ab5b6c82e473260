import { expect } from 'chai';
import { makeBridgeClient } from '../../../../agent/bridge-client.ts';
import type { Reached } from '../../../../bridge/reach/try-sidecar.ts';
import type { InstancesAnswer } from '../../../../mesh/outside/bridge-api.ts';
import { type BridgeOptions, type BridgeUnderTest, LEASE_MS, anInstance } from '../bridge-under-test.ts';
import { eventually } from '../bridge-waiting.ts';

const RUN = { id: '0123456789ab' };
const ADDRESS = '10.0.0.9';
const UNREACHED = `${ADDRESS}:21000: no answer within 3 s, tried from the cluster: let TCP port 21000 in on vm1`;

/** The story of why calls of a machine's instance fail, or would: where people look for it. */
export function reasonContract(another: (options: BridgeOptions) => Promise<BridgeUnderTest>): void {
  /** Machine vm1 with one instance, and the answers of its sidecar to the bridge. */
  async function machine() {
    const tried: { address: string; port: number; service: string }[] = [];
    const world: { answer: Reached } = { answer: { ok: true, output: `${ADDRESS}:21000: answers as web in 3 ms` } };
    const bridge = await another({
      reach: async (at) => {
        tried.push(at);
        return world.answer;
      },
    });
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    const health = async () => (await bridge.reader.health('web'))[0];
    const row = async () => (await bridge.ask<InstancesAnswer>('GET', '/v1/instances')).instances[0]!;
    const beat = (more: Parameters<typeof anInstance>[2] = {}) =>
      vm.beat([anInstance('web', 'vm1', more)], { address: ADDRESS, run: RUN });
    /** Time passes, and the machine beats as agents do. */
    const pass = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 2000) {
        await bridge.clock.advance(2000);
        expect((await beat()).status).to.equal(200);
      }
    };
    return { bridge, vm, world, tried, health, row, beat, pass };
  }
  const lost: Reached = { ok: false, unanswered: true, output: `${ADDRESS}:21000: no answer within 3 s` };

  it('tries the sidecar of an instance at once when it passes, then each minute, and never one that only calls', async () => {
    const { bridge, beat, tried, pass } = await machine();
    await beat({ health: 'critical' });
    await bridge.clock.advance(3000);
    expect(tried).to.deep.equal([]);
    await beat();
    await bridge.clock.advance(1500);
    expect(tried).to.deep.equal([{ address: ADDRESS, port: 21000, service: 'web' }]);
    await pass(56_000);
    expect(tried).to.have.length(1);
    await pass(6000);
    expect(tried).to.have.length(2);
    bridge.admit('caller');
    const caller = await bridge.join('vm2', 'caller');
    await caller.beat([anInstance('caller', 'vm2', { appPort: 0 })], { address: ADDRESS, run: RUN });
    await bridge.clock.advance(3000);
    expect(tried).to.have.length(2);
  });

  it('says of an instance that the cluster does not reach why, leaves it passing, and takes it back', async () => {
    const { world, health, row, beat, pass, bridge } = await machine();
    await beat();
    world.answer = lost;
    await bridge.clock.advance(1500);
    await beat();
    expect(await health()).to.include({ status: 'passing', output: 'GET / answered 200' });
    await pass(8000);
    expect(await health()).to.include({ status: 'passing', output: `calls may fail: ${UNREACHED}` });
    expect(await row()).to.include({ health: 'passing', note: UNREACHED });
    expect((await beat()).body.problems, 'the machine hears of it').to.deep.equal([
      `calls of web-vm1-8080 may fail: ${UNREACHED}`,
    ]);
    const writes = await bridge.requestsOf(() => pass(30_000));
    expect(writes.filter((request) => request.startsWith('PUT /txn'))).to.deep.equal([]);
    world.answer = { ok: true, output: '' };
    await pass(20_000);
    expect(await health()).to.include({ status: 'passing', output: 'GET / answered 200' });
    expect(await row()).not.to.have.property('note');
  });

  it('shows what a machine says is wrong with it, beside other reasons, until the machine takes it back or is silent', async () => {
    const { bridge, vm, health, row, beat, pass } = await machine();
    const client = makeBridgeClient({
      bridges: bridge.admin.addresses,
      credentials: { bridgeCa: bridge.caPem, certificate: vm.answer.certificate, key: vm.key },
      limits: () => ({ connectMs: 5000, answerMs: 5000 }),
      now: () => bridge.clock.now(),
    });
    const tell = (problems: string[]) => client.post('/v1/problems', { problems });
    try {
      await beat();
      await tell(['the disk is full']);
      await pass(4000);
      expect(await row()).to.include({ health: 'passing', note: 'the disk is full' });
      expect(await health(), 'it says nothing of calls').to.include({ output: 'GET / answered 200' });
      await tell([]);
      expect(await row()).not.to.have.property('note');
      await tell(['the disk is full']);
      await bridge.clock.advance(3 * LEASE_MS);
      expect(await row()).not.to.have.property('note');
    } finally {
      client.close();
    }
  });

  it('gives the reason of a critical instance before that of the way to it', async () => {
    const { world, health, beat, pass } = await machine();
    world.answer = lost;
    await beat();
    await pass(10_000);
    await beat({ health: 'critical', output: 'GET / answered 404' });
    expect(await health()).to.include({ status: 'critical', output: 'GET / answered 404' });
  });

  it('says of a machine whose clock is wrong by how much, without a write for each beat', async () => {
    const { bridge, vm, health, row } = await machine();
    let aheadMs = -7_200_000;
    const client = makeBridgeClient({
      bridges: bridge.admin.addresses,
      credentials: { bridgeCa: bridge.caPem, certificate: vm.answer.certificate, key: vm.key },
      limits: () => ({ connectMs: 5000, answerMs: 5000 }),
      now: () => bridge.clock.now() + aheadMs,
    });
    const beat = (instance = anInstance('web', 'vm1')) =>
      client.post('/v1/beat', { ...{ address: ADDRESS, instances: [instance], wantTokens: [], run: RUN } });
    try {
      await beat();
      const said = /^calls may fail: the clock of vm1 is 720[01] s behind the bridge's: .*timedatectl/;
      expect((await health())?.output).to.match(said);
      expect((await row()).note).to.match(/the clock of vm1 is/);
      aheadMs -= 1500;
      const requests = await bridge.requestsOf(beat);
      expect(requests.filter((request) => request.startsWith('PUT /txn'))).to.deep.equal([]);
      await beat(anInstance('web', 'vm1', { health: 'critical', output: 'connection refused' }));
      expect(await row(), 'a clock is named beside the reason of an instance that is down').to.include({
        output: 'connection refused',
        note: (await row()).note?.match(/^the clock of vm1 is 720\d s behind .*/)?.[0],
      });
      expect((await row()).note).to.not.equal(undefined);
      aheadMs = 0;
      await beat();
      expect((await health())?.output).to.equal('GET / answered 200');
    } finally {
      client.close();
    }
  });

  it('says that the agent was stopped, also when its lease is over and after a restart of the bridge', async () => {
    const { bridge, vm, beat, health, row } = await machine();
    await beat();
    const draining = anInstance('web', 'vm1', { health: 'critical', output: 'draining' });
    await vm.beat([draining], { address: ADDRESS, run: { ...RUN, leaves: true } });
    const stopped = { status: 'critical', output: 'the agent was stopped there' };
    expect(await health()).to.include(stopped);
    await bridge.clock.advance(LEASE_MS + 3000);
    expect(await row()).to.include({ health: 'critical', output: stopped.output });
    await bridge.restart();
    await bridge.clock.advance(LEASE_MS + 3000);
    expect(await health()).to.include(stopped);
    await beat();
    expect(await health()).to.include({ status: 'passing', output: 'GET / answered 200' });
  });

  it('says that a machine is silent when its agent did not end by itself', async () => {
    const { bridge, beat, health } = await machine();
    await beat();
    await bridge.clock.advance(LEASE_MS + 3000);
    await eventually(async () => expect((await health())?.output).to.match(/^lease lost: nothing heard from vm1/));
  });
}
