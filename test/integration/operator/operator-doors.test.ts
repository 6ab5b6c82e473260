import { type Server, createServer } from 'node:net';
import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { networkPolicies, pods, services } from '../../../clients/kube/resources.ts';
import { SIDECAR_READY_PORT } from '../../../crds/mesh-service.ts';
import { DOOR_META } from '../../../mesh/names/names.ts';
import { sidecarPolicy } from '../../../mesh/names/names.ts';
import { owned } from '../../contract/consul/consul-builders.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

/** Addresses of pods: this machine answers at all of 127.0.0.0/8, and enforces no NetworkPolicy. */
const [ONE, TWO] = ['127.31.7.1', '127.31.7.2'];

/** An operator as a process, on a real API server and a real Consul. Servers on this machine answer in the place of pods. */
describe('the doors of pods', function () {
  this.timeout(180_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;
  const servers = new Map<string, Server>();
  /** All bytes that arrived. */
  let heard = '';

  const open = async (address: string, port: number): Promise<void> => {
    const server = createServer((socket) => {
      socket.on('data', (chunk) => (heard += String(chunk)));
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
    servers.set(`${address}:${port}`, server);
  };
  const close = async (address: string, port: number): Promise<void> => {
    await new Promise((resolve) => servers.get(`${address}:${port}`)?.close(resolve));
    servers.delete(`${address}:${port}`);
  };
  const policy = (name: string) => rig.kube.client.get<KubeObject>(networkPolicies, sidecarPolicy(name), 'shop');

  before(async () => {
    rig = await startOperatorRig();
    shop = shopOf(rig);
    await rig.start();
    await shop.only('web', [], { mutualTLS: 'Strict', port: 18_080 });
  });
  after(async () => {
    for (const server of servers.values()) server.close();
    await rig?.stop();
  });

  it('get a policy under Strict, and Enforced is Unknown before the first pod', async () => {
    await eventually('it is there', 20_000, () => policy('web'));
    const condition = await shop.condition('web', 'Enforced', 'DoorsNotTried');
    expect(condition.message).to.contain('no ready pod');
  });

  it('are reported as open, with the pod and the port, when a connection gets through without a byte', async () => {
    await Promise.all([open(ONE, SIDECAR_READY_PORT), open(ONE, 18_080)]);
    await eventually('pods are admitted', 20_000, () => rig.kube.client.create(pods, shop.plainPod('web-1', 'web')));
    await shop.setReady('web-1', true, ONE);
    const condition = await shop.condition('web', 'Enforced', 'DoorOpen');
    expect(condition.status).to.equal('False');
    expect(condition.message).to.contain('port 18080 of pod web-1');
    expect(heard, 'but for what is read of the sidecar').not.to.match(/^(?!GET \/stats)/);
    expect((await shop.status('web'))?.conditions?.find(({ type }) => type === 'Ready')?.status).to.equal('True');
  });

  it('are reported as closed within half a minute of the remedy', async () => {
    await close(ONE, 18_080);
    const condition = await eventually('Enforced is True', 45_000, async () =>
      (await shop.status('web'))?.conditions?.find(({ type, status }) => type === 'Enforced' && status === 'True'),
    );
    expect(condition.reason).to.equal('Enforced');
  });

  it('are reported as open, with its name, while a policy of somebody else opens them', async () => {
    await rig.kube.client.create(networkPolicies, {
      metadata: { name: 'allow-all', namespace: 'shop' },
      spec: { podSelector: {}, ingress: [{}] },
    } as never);
    expect((await shop.condition('web', 'Enforced', 'OpenedByPolicy')).message).to.contain('allow-all');
    await rig.kube.client.delete(networkPolicies, 'allow-all', 'shop');
    await shop.condition('web', 'Enforced', 'Enforced');
  });

  it('are closed again when the policy is deleted, also by a hand that did so while no operator ran', async () => {
    await rig.kube.client.delete(networkPolicies, sidecarPolicy('web'), 'shop');
    await eventually('it is there again', 10_000, () => policy('web'));
    await rig.operators.at(-1)!.stop();
    await rig.kube.client.patchMerge(networkPolicies, sidecarPolicy('web'), 'shop', { spec: { ingress: [{}] } });
    await rig.start();
    await eventually('it admits the sidecar alone', 20_000, async () => {
      const held = (await policy('web')) as unknown as { spec: { ingress: { ports?: object[] }[] } };
      return held.spec.ingress[0]?.ports?.length === 2 || undefined;
    });
  });

  it('open under Permissive, which names the ways by which callers come', async () => {
    await rig.kube.client.create(services, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 18_080 }] },
    } as never);
    await shop.declare('web', { mutualTLS: 'Permissive', port: 18_080 });
    await eventually('the policy is gone', 20_000, async () => (await policy('web')) === undefined || undefined);
    await eventually('it names the Service', 20_000, async () =>
      (await shop.status('web'))?.conditions?.some(
        ({ reason, message }) => reason === 'Permissive' && message.includes('Service web (ClusterIP, to port 18080)'),
      ),
    );
  });

  it('stay as they are where the values say nothing and the installation has no mark, and close by the value', async () => {
    await shop.declare('plain');
    await shop.condition('plain', 'Enforced', 'Permissive');
    expect(await policy('plain')).to.equal(undefined);
    await rig.operators.at(-1)!.stop();
    await rig.start({ LANDBRIDGE_DEFAULT_MUTUAL_TLS: 'Strict' });
    await eventually('it has a policy', 20_000, () => policy('plain'));
  });

  it('are closed although the name in Consul is of another', async () => {
    const taken = {
      Kind: 'service-defaults' as const,
      Name: 'taken',
      Protocol: 'tcp',
      Meta: owned('k8s/other/shop/taken'),
    };
    await rig.consul.apply([{ op: 'set-config', entry: taken, modifyIndex: 0 }]);
    await shop.declare('rival', { service: 'taken', mutualTLS: 'Strict' });
    await shop.condition('rival', 'Synced', 'NameOwnedByAnother');
    await eventually('it has a policy', 20_000, () => policy('rival'));
  });

  it('of machines are in the condition, by the name of each machine where one stands open', async () => {
    await shop.declare('far-out', { mutualTLS: 'Strict', workloads: { external: { sites: ['rack-1'] } } });
    await shop.condition('far-out', 'Synced', 'Synced');
    const say = (host: string, door: string) => {
      const Meta = { platform: 'vm', site: 'rack-1', node: host, [DOOR_META]: door };
      const service = { ID: `far-out-${host}-80`, Service: 'far-out', Address: '10.0.9.9', Port: 80, Tags: [], Meta };
      const node = { Node: `vm.rack-1.${host}`, Address: '10.0.9.9', Meta: {} };
      return rig.consul.apply([{ op: 'register', node, registration: { service, checks: [] } }]);
    };
    await say('vm1', 'closed');
    await say('vm2', 'open: nft is not on this machine: install the package nftables');
    const open = await shop.condition('far-out', 'Enforced', 'MachineDoorOpen');
    expect(open.message).to.include('machine rack-1/vm2: "nft is not on this machine').and.not.include('vm1');
    await say('vm2', 'closed');
    await shop.condition('far-out', 'Enforced', 'Enforced');
  });

  it('are unknown where the operator reaches no sidecar either', async () => {
    await shop.declare('far', { mutualTLS: 'Strict' });
    await eventually('pods are admitted', 20_000, () => rig.kube.client.create(pods, shop.plainPod('far-1', 'far')));
    await shop.setReady('far-1', true, TWO);
    const condition = await eventually('it says so', 20_000, async () =>
      (await shop.status('far'))?.conditions?.find(
        ({ reason, message }) => reason === 'DoorsNotTried' && message.includes('far-1'),
      ),
    );
    expect(condition.status).to.equal('Unknown');
  });
});
