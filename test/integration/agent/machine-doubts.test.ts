import { expect } from 'chai';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, type Server, type Socket, connect, createServer as tcp } from 'node:net';
import { join } from 'node:path';
import { machinesVerdict } from '../../../cli/check/machines.ts';
import { askBridge } from '../../../cli/bridge-admin.ts';
import { listText } from '../../../cli/commands/vm-list.ts';
import type { Condition } from '../../../crds/kubernetes.ts';
import type { InstancesAnswer, InviteAnswer } from '../../../mesh/outside/bridge-api.ts';
import { type BridgeProcess, startBridgeBeside } from '../../support/rigs/bridge-process.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { call } from './agent-app.ts';
import { type Machine, makeMachine } from './agent-machine.ts';
import { type OperatorRig, startOperatorRig } from '../operator/operator-rig.ts';

const SITE = 'rack-1';
const LEASE_MS = 15_000;

/** From the Envoy of a machine to the status of the MeshService: all of it is real. */
describe('a machine that beats, and whose calls fail all the same', function () {
  this.timeout(180_000);
  let rig: OperatorRig;
  let bridge: BridgeProcess;
  let machine: Machine;
  let localPort: number;
  let way: { port: number; cut(): void; open(): Promise<void> };
  const app = createServer((_, answer) => answer.end('hello'));

  before(async () => {
    rig = await startOperatorRig({ LANDBRIDGE_VERIFY_SECONDS: '600' });
    [localPort = 0] = await freePorts(1);
    await declareWeb('http2');
    const workloads = { external: { sites: [SITE] } };
    await rig.declare('caller', { port: undefined, workloads, upstreams: [{ service: 'web', localPort }] });
    for (const name of ['web', 'caller'])
      await eventually(
        `${name} is in Consul`,
        20_000,
        async () => (await rig.statusOf(name))?.consul?.service === name,
      );
    // Both build the program, and one after the other they build it once.
    machine = await makeMachine();
    bridge = await startBridgeBeside({ kubeconfig: rig.kube.kubeconfig, consul: rig.server, holder: rig.bridge });
    way = await wayTo(Number(rig.server.grpcAddress.split(':').at(-1)));
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    const { port } = app.address() as AddressInfo;
    for (const [service, ...flags] of [['caller'], ['web', '--port', `${port}`]] as [string, ...string[]][]) {
      const words = ['--host-name', 'vm1', '--no-systemd', ...flags];
      const joined = await machine.landbridge('vm', 'join', await invite(service), ...words);
      expect(joined, joined.stderr).to.include({ code: 0 });
    }
    const file = join(machine.stateDir, 'host.json');
    const state = JSON.parse(await readFile(file, 'utf8')) as { consul: { grpc: string[] } };
    state.consul.grpc = [`127.0.0.1:${way.port}`];
    await writeFile(file, JSON.stringify(state));
    machine.startAgent();
    await eventually('both Envoys are live', 20_000, async () => {
      const { instances } = await machine.status();
      return instances.length === 2 && instances.every(({ envoy }) => envoy.state === 'live' && envoy.connected);
    });
  });
  after(async () => {
    app.close();
    await machine?.remove();
    way?.cut();
    await bridge?.stop();
    await rig?.stop();
  });

  const declareWeb = (protocol: 'http' | 'http2'): Promise<unknown> =>
    rig.declare('web', { protocol, workloads: { external: { sites: [SITE] } }, access: [{ from: 'caller' }] });

  const access = () => {
    const { certificate: certificatePem, key: keyPem } = bridge.admin;
    return { addresses: [`127.0.0.1:${bridge.port}`], caPem: bridge.caPem, certificatePem, keyPem };
  };
  const invite = (service: string): Promise<string> =>
    eventually('the bridge knows the MeshService', 10_000, async () => {
      const asked = { service, site: SITE, ttlSeconds: 600 };
      return (await askBridge<InviteAnswer>(access(), 'POST', '/v1/invites', asked)).invite;
    });
  const instances = (): Promise<InstancesAnswer> => askBridge(access(), 'GET', '/v1/instances');
  const condition = async (name: string, type: string): Promise<Condition | undefined> =>
    (await rig.statusOf(name))?.conditions?.find((one) => one.type === type);
  const reachable = (name: string, words: RegExp): Promise<unknown> =>
    eventually(`Reachable of ${name} says ${words}`, 30_000, async () => {
      const found = await condition(name, 'Reachable');
      expect(found?.message).to.match(words);
      return found?.reason === 'InstanceInDoubt';
    });
  const well = (name: string): Promise<unknown> =>
    eventually(`${name} is well`, 30_000, async () => {
      expect(await condition(name, 'Reachable')).to.equal(undefined);
      return (await condition(name, 'Ready'))?.reason === 'AllInstancesReady';
    });
  /** `vm list`, `check` and `vm status` as people read them. */
  async function told(words: RegExp): Promise<void> {
    const answer = await instances();
    expect(listText(answer)).to.match(words);
    expect(machinesVerdict(answer, LEASE_MS)).to.have.property('result', 'warning');
    expect(machinesVerdict(answer, LEASE_MS).detail).to.match(words);
    const { stdout } = await machine.landbridge('vm', 'status');
    expect(stdout).to.match(words);
  }

  it('says on both sides that its app does not speak the protocol of the MeshService, and takes it back', async () => {
    const words = /the app at port \d+ does not answer in HTTP\/2 without TLS \(spec\.protocol: http2\)/;
    await eventually('calls fail at the app', 20_000, async () => {
      await call(localPort).catch(() => undefined);
      const { stdout } = await machine.landbridge('vm', 'status');
      return words.test(stdout);
    });
    await reachable('web', /write http if it speaks HTTP\/1\.1/);
    await told(words);
    expect((await condition('web', 'Ready'))?.reason).to.equal('InstanceInDoubt');
    await declareWeb('http');
    await eventually('a call is answered', 30_000, async () => (await call(localPort)) === 'hello');
    await well('web');
    expect(listText(await instances())).not.to.contain('may fail');
  });

  it('says on both sides that its Envoys are without Consul while the bridge hears its beats, and takes it back', async () => {
    way.cut();
    const words = /its Envoy hears nothing new from Consul: this machine does not reach Consul at 127\.0\.0\.1:\d+/;
    await reachable('web', words);
    await reachable('caller', words);
    await told(words);
    expect(await call(localPort), 'what runs goes on').to.equal('hello');
    await way.open();
    for (const name of ['web', 'caller']) await well(name);
    expect((await machine.landbridge('vm', 'status')).stdout).not.to.contain('may fail');
  });
});

/** A way to a port of this machine that can be cut. */
async function wayTo(port: number): Promise<{ port: number; cut(): void; open(): Promise<void> }> {
  const held = new Set<Socket>();
  let server: Server;
  const start = async (at: number): Promise<number> => {
    server = tcp((from) => {
      const to = connect({ host: '127.0.0.1', port });
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const) {
        held.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => (held.delete(one), other.destroy()));
      }
    });
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const at = await start(0);
  return {
    port: at,
    cut() {
      server.close();
      for (const socket of held) socket.destroy();
    },
    open: async () => void (await start(at)),
  };
}
