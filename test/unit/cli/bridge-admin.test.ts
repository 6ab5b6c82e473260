import { createServer as createHttps, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, type Server, connect, createServer } from 'node:net';
import { expect } from 'chai';
import { type BridgeAccess, askBridge } from '../../../cli/bridge-admin.ts';
import { createAuthority, issue } from '../../../clients/pki/authority.ts';

const listening = async (server: Server | HttpsServer): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

/** A bridge that stands by hands connections on to the one that leads, and ends them while nobody does. */
describe('a command that asks the bridge', () => {
  let bridge: HttpsServer;
  let standby: Server;
  let access: BridgeAccess;
  let [connections, leadsFrom, asked] = [0, 0, 0];

  before(async () => {
    const life = { nowMs: Date.now(), days: 1 };
    const ca = await createAuthority('bridge CA', life);
    const pair = await issue(ca, {
      commonName: 'landbridge-bridge',
      dns: ['landbridge-bridge'],
      usage: 'server',
      ...life,
    });
    bridge = createHttps({ cert: pair.certPem, key: pair.keyPem }, (_, response) => {
      asked += 1;
      response.end('{"fine":true}');
    });
    const port = await listening(bridge);
    standby = createServer((socket) => {
      connections += 1;
      if (connections < leadsFrom) return void socket.destroy();
      const other = connect(port, '127.0.0.1');
      socket.pipe(other).pipe(socket);
      for (const end of [socket, other]) end.on('error', () => undefined);
    });
    const address = `127.0.0.1:${await listening(standby)}`;
    access = { addresses: [address], caPem: ca.certPem, certificatePem: pair.certPem, keyPem: pair.keyPem };
  });
  after(() => {
    bridge.close();
    bridge.closeAllConnections();
    standby.close();
  });
  beforeEach(() => ([connections, leadsFrom, asked] = [0, 0, 0]));

  it('waits until somebody leads, and asks once', async () => {
    leadsFrom = 2;
    expect(await askBridge(access, 'GET', '/v1/instances')).to.deep.equal({ fine: true });
    expect({ connections, asked }).to.deep.equal({ connections: 2, asked: 1 });
  });

  it('says so when nobody does for long', async () => {
    leadsFrom = Infinity;
    const error = await askBridge(access, 'GET', '/v1/instances', undefined, 100).catch(
      ({ message }: Error) => message,
    );
    expect(error).to.match(/^no bridge answers \(127\.0\.0\.1:\d+: it hangs up at once\): can this machine/);
  });

  it('does not wait where nobody listens', async () => {
    const nobody = createServer();
    const port = await listening(nobody);
    await new Promise((closed) => nobody.close(closed));
    const nowhere = { ...access, addresses: [`127.0.0.1:${port}`] };
    const error = await askBridge(nowhere, 'GET', '/v1/instances').catch(({ message }: Error) => message);
    expect(error).to.include('connection refused');
  });
});
