import { expect } from 'chai';
import type { InstancesAnswer } from '../../../../mesh/outside/bridge-api.ts';
import { type BridgeUnderTest, LEASE_MS, SITE, anInstance } from '../bridge-under-test.ts';
import { eventually } from '../bridge-waiting.ts';

/** The stories of two machines with one state, and of one address that two machines had. */
export function claimContract(open: () => BridgeUnderTest): void {
  const [FIRST, SECOND] = [{ id: 'aaaaaaaaaaaa' }, { id: 'bbbbbbbbbbbb' }];
  const instances = [anInstance('web', 'vm1')];
  const node = (host: string) => open().reader.readNode(`vm.${SITE}.${host}`);
  const statusOf = async (host: string) =>
    (await node(host))?.registrations[`web-${host}-8080`]?.checks.map(({ Status }) => Status);
  const rowOf = async (host: string) =>
    (await open().ask<InstancesAnswer>('GET', '/v1/instances')).instances.find((row) => row.host === host);

  it('refuses a copy of a machine and names both, while the machine itself goes on', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat(instances, { address: '127.0.0.1', run: FIRST });
    const copy = await vm.beat(instances, { address: '127.0.0.2', run: SECOND });
    expect(copy.status).to.equal(409);
    expect(copy.body.code).to.equal('hostClaimed');
    expect(copy.body.message)
      .to.include('is the machine at 127.0.0.1 (run aaaaaaaaaaaa, heard 0.0 s ago)')
      .and.include('at 127.0.0.2 (run bbbbbbbbbbbb)')
      .and.include('--host-name');
    expect((await node('vm1'))?.Address).to.equal('127.0.0.1');
    expect((await rowOf('vm1'))?.note).to.match(/a copy at 127\.0\.0\.2 \(run b{12}\) .* 127\.0\.0\.1 \(run a{12}\)/);
    const own = await vm.beat(instances, { run: FIRST });
    expect(own.status).to.equal(200);
    expect(own.body.problems, 'the machine hears of its copy').to.have.length(1);
    expect(own.body.problems[0]).to.match(/^a copy at 127\.0\.0\.2 \(run b{12}\) claims to be vm1/);
    await bridge.clock.advance(2 * LEASE_MS + 1);
    expect((await vm.beat(instances, { run: FIRST })).body.problems).to.deep.equal([]);
    expect((await rowOf('vm1'))?.note, 'once the copy is silent').to.equal(undefined);
  });

  it('takes no lease from what a copy says', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat(instances, { run: FIRST });
    await bridge.clock.advance(LEASE_MS - 100);
    expect((await vm.beat(instances, { run: SECOND })).status).to.equal(409);
    await bridge.clock.advance(200);
    await eventually(async () => expect(await statusOf('vm1')).to.deep.equal(['critical']));
  });

  it('lets a machine in that has booted, at once when it had left and else when the lease is over', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat(instances, { run: FIRST });
    await vm.beat(instances, { run: { ...FIRST, leaves: true } });
    expect((await vm.beat(instances, { run: SECOND })).status).to.equal(200);
    expect((await vm.beat(instances, { run: FIRST })).status).to.equal(409);
    await bridge.clock.advance(LEASE_MS + 100);
    expect((await vm.beat(instances, { run: FIRST })).status).to.equal(200);
  });

  it('knows after a restart which of two machines is the one', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat(instances, { run: FIRST });
    await eventually(async () =>
      expect((await bridge.reader.kvGet(`landbridge/hosts/${SITE}/vm1`))?.value).to.include(FIRST.id),
    );
    await bridge.restart();
    const identity = { certificate: vm.answer.certificate, key: vm.key };
    const beat = (run: { id: string }) =>
      bridge.client(identity).post('/v1/beat', { address: '127.0.0.1', instances, wantTokens: [], run });
    expect((await beat(SECOND)).body.code).to.equal('hostClaimed');
    expect((await beat(FIRST)).status).to.equal(200);
  });

  it('lets a copy leave without taking anything of the machine with it', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat(instances, { run: FIRST });
    const left = await vm.client.post('/v1/leave', { services: [], run: { ...SECOND, leaves: true } });
    expect(left.body.code).to.equal('hostClaimed');
    expect(await statusOf('vm1')).to.deep.equal(['passing']);
    expect((await vm.client.post('/v1/leave', { services: [], run: { ...FIRST, leaves: true } })).status).to.equal(200);
    expect(await node('vm1')).to.equal(undefined);
  });

  it('keeps machines apart that have one address, one after the other: instances go by their id', async () => {
    const bridge = open();
    bridge.admit('web');
    const [dead, next] = [await bridge.join('vm1', 'web'), await bridge.join('vm2', 'web')];
    await dead.beat(instances, { address: '127.0.0.7', run: FIRST });
    await bridge.clock.advance(LEASE_MS + 100);
    await eventually(async () => expect(await statusOf('vm1')).to.deep.equal(['critical']));
    await next.beat([anInstance('web', 'vm2')], { address: '127.0.0.7', run: SECOND });
    expect(await statusOf('vm2')).to.deep.equal(['passing']);
    expect(await statusOf('vm1')).to.deep.equal(['critical']);
    await dead.client.post('/v1/leave', { services: [], run: FIRST });
    expect(await node('vm1')).to.equal(undefined);
    expect(await statusOf('vm2')).to.deep.equal(['passing']);
  });
}
