import { expect } from 'chai';
import { DOOR_META } from '../../../../mesh/names/names.ts';
import { type BridgeUnderTest, SITE, anInstance } from '../bridge-under-test.ts';

/** The marks in the catalog about the ports of apps on machines. */
export function doorContract(open: () => BridgeUnderTest): void {
  const node = (host: string) => open().reader.readNode(`vm.${SITE}.${host}`);

  it('writes into the catalog whether the port of an app is closed: once a change, and kept by a bridge that starts', async () => {
    const bridge = open();
    bridge.admit('web', { mutualTLS: 'Strict' });
    const vm = await bridge.join('vm1', 'web');
    const marks = async () =>
      Object.values((await node('vm1'))!.registrations).map(({ service }) => service.Meta[DOOR_META]);
    const tell = async (closed: boolean, problem?: string): Promise<void> => {
      const instances = [{ id: 'web-vm1-8080', listens: ['0.0.0.0:8080'], closed, callers: [], problem }];
      expect((await vm.client.post('/v1/doors', { instances })).status).to.equal(200);
    };
    await vm.beat([anInstance('web', 'vm1')]);
    expect(await marks()).to.deep.equal([undefined, undefined]);
    await tell(true);
    const requests = await bridge.requestsOf(async () => {
      for (let n = 0; n < 3; n++) await vm.beat([anInstance('web', 'vm1')]);
    });
    expect(requests, 'requests of three beats').to.have.length(1);
    expect(await marks()).to.deep.equal(['closed', undefined]);
    await tell(false, 'nft is not on this machine');
    await vm.beat([anInstance('web', 'vm1')]);
    expect(await marks()).to.deep.equal(['open: nft is not on this machine', undefined]);
    await bridge.restart();
    const { certificate } = vm.answer;
    const again = bridge.client({ certificate, key: vm.key });
    const quiet = await bridge.requestsOf(async () => {
      const body = { address: '127.0.0.1', instances: [anInstance('web', 'vm1')], wantTokens: [] };
      expect((await again.post('/v1/beat', body)).status).to.equal(200);
    });
    expect(quiet, 'requests of a beat to a bridge that has just started').to.deep.equal([]);
    expect(await marks()).to.deep.equal(['open: nft is not on this machine', undefined]);
  });
}
