import { expect } from 'chai';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { askBridge } from '../../../cli/bridge-admin.ts';
import type { Condition } from '../../../crds/kubernetes.ts';
import type { ConfigEntry } from '../../../mesh/catalog/entry.ts';
import type { InviteAnswer } from '../../../mesh/outside/bridge-api.ts';
import { operatorPolicy } from '../../../operator/bootstrap/policies.ts';
import { type BridgeProcess, startBridgeBeside } from '../../support/rigs/bridge-process.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type Machine, makeMachine } from './agent-machine.ts';
import { type OperatorRig, startOperatorRig } from '../operator/operator-rig.ts';

const SITE = 'rack-1';
const BAR_MS = 10_000;

/** The whole way of a refusal: Envoy, agent, bridge, Consul, operator, API server. All of them are real. */
describe('an update that the Envoy of a machine refuses', function () {
  this.timeout(180_000);
  let rig: OperatorRig;
  let bridge: BridgeProcess;
  let machine: Machine;
  let appPort: number;
  const app = createServer((_, answer) => answer.end());

  before(async () => {
    rig = await startOperatorRig({ LANDBRIDGE_VERIFY_SECONDS: '600' });
    const [localPort = 0] = await freePorts(1);
    const workloads = { external: { sites: [SITE] } };
    await rig.declare('web', { protocol: 'http', workloads, access: [{ from: 'caller' }] });
    await rig.declare('caller', { port: undefined, workloads, upstreams: [{ service: 'web', localPort }] });
    for (const name of ['web', 'caller'])
      await eventually(
        `${name} is in Consul`,
        20_000,
        async () => (await rig.statusOf(name))?.consul?.service === name,
      );
    [bridge, machine] = await Promise.all([
      startBridgeBeside({ kubeconfig: rig.kube.kubeconfig, consul: rig.server, holder: rig.bridge }),
      makeMachine(),
    ]);
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    appPort = (app.address() as AddressInfo).port;
    for (const [service, ...flags] of [['caller'], ['web', '--port', `${appPort}`]] as [string, ...string[]][]) {
      const words = ['--host-name', 'vm1', '--no-systemd', ...flags];
      const joined = await machine.landbridge('vm', 'join', await invite(service), ...words);
      expect(joined, joined.stderr).to.include({ code: 0 });
    }
    machine.startAgent();
    await eventually('both Envoys are live', 20_000, async () => {
      const { instances } = await machine.status();
      return instances.length === 2 && instances.every(({ envoy }) => envoy.state === 'live');
    });
    await mendNothing();
  });
  after(async () => {
    app.close();
    await machine?.remove();
    await bridge?.stop();
    await rig?.stop();
  });

  async function invite(service: string): Promise<string> {
    const { certificate: certificatePem, key: keyPem } = bridge.admin;
    const access = { addresses: [`127.0.0.1:${bridge.port}`], caPem: bridge.caPem, certificatePem, keyPem };
    return eventually('the bridge knows the MeshService', 10_000, async () => {
      const asked = { service, site: SITE, ttlSeconds: 600 };
      return (await askBridge<InviteAnswer>(access, 'POST', '/v1/invites', asked)).invite;
    });
  }

  /** Without the right to write what is called web, the operator leaves wrong entries in Consul as the test wrote them. */
  async function mendNothing(): Promise<void> {
    const policy = operatorPolicy('lab');
    const denied = 'service "web" {\n  policy = "read"\n  intentions = "read"\n}\n';
    await rig.consul.acl.upsertPolicy({ ...policy, rules: `${policy.rules}${denied}` });
  }

  /** In the place of the entry that the operator holds, with its mark. */
  async function put(entry: { Kind: ConfigEntry['Kind']; Name: string; [field: string]: unknown }): Promise<void> {
    const held = await rig.consul.readConfig(entry.Kind, entry.Name);
    const Meta = held?.entry['Meta'];
    const transport = rig.server.transport();
    const body = { ...(Meta === undefined ? {} : { Meta }), ...entry };
    await transport.send({ method: 'PUT', path: '/config', body });
    transport.close();
  }
  const router = (value: string) => ({
    Kind: 'service-router' as const,
    Name: 'web',
    Routes: [
      {
        Match: { HTTP: { PathPrefix: '/e/' } },
        Destination: { PrefixRewrite: '/e/', ResponseHeaders: { Set: { 'x-discount': value } } },
      },
    ],
  });

  const accepts = async (name: string): Promise<Condition | undefined> =>
    (await rig.statusOf(name))?.conditions?.find(({ type }) => type === 'ProxiesAccept');

  /** The conditions of these services, from the moment that Consul has the update. */
  async function become(
    status: string,
    update: Parameters<typeof put>[0],
    services = ['web', 'caller'],
  ): Promise<Condition[]> {
    await put(update);
    const began = performance.now();
    const conditions = await Promise.all(
      services.map((name) =>
        eventually(`ProxiesAccept of ${name} is ${status}`, BAR_MS, async () => {
          const found = await accepts(name);
          return found?.status === status ? found : undefined;
        }),
      ),
    );
    console.log(`    ${status} after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    return conditions;
  }

  it('reaches the condition ProxiesAccept of caller and callee within 10 s in Envoy’s words, and leaves it within 10 s', async () => {
    const conditions = await become('False', router('50% off'));
    for (const { reason, message } of conditions) {
      expect(reason).to.equal('ProxyRefuses');
      expect(message).to.match(/^caller-vm1\S* on machine rack-1\/vm1 refused/);
      expect(message).to.contain(
        "Envoy says of its routes: Incorrect configuration: 50% off. Couldn't find valid command",
      );
    }
    await become('True', router('half price'));
  });

  it('turns only the condition of the callee to False when the callee refuses its listener', async () => {
    const intentions = (source: object) => ({
      Kind: 'service-intentions' as const,
      Name: 'web',
      Sources: [{ Name: 'caller', ...source }],
    });
    const regex = { Permissions: [{ Action: 'allow', HTTP: { PathRegex: '/items/[a-z]{1,1024}' } }] };
    const [{ message } = {}] = await become('False', intentions(regex), ['web']);
    expect(message).to.contain(`web-vm1-${appPort} on machine rack-1/vm1 refused`);
    expect(message).to.contain('invalid repetition size: {1,1024}');
    expect((await accepts('caller'))?.status).to.equal('True');
    await become('True', intentions({ Action: 'allow' }), ['web']);
  });
});
