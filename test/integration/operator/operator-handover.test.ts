import { type Server, createServer } from 'node:net';
import { expect } from 'chai';
import { pino } from 'pino';
import type { Condition } from '../../../crds/kubernetes.ts';
import { meshServices, pods } from '../../../clients/kube/resources.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { reflect } from '../../../clients/kube/watching/reflect.ts';
import { type MeshServiceStatus, SIDECAR_READY_PORT } from '../../../crds/mesh-service.ts';
import { DOOR_META } from '../../../mesh/names/names.ts';
import { REACH_KEYS } from '../../../mesh/status/reach.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

type Told = KubeObject & { status?: MeshServiceStatus };

/** The address of a pod: this machine answers at all of 127.0.0.0/8. */
const POD = '127.31.8.1';

/** A mesh that is well, in the time in which another operator takes over. */
describe('the conditions of a mesh that is well', function () {
  this.timeout(180_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;
  let sidecar: Server;

  const conditionsOf = async (name: string): Promise<Condition[]> => (await shop.status(name))?.conditions ?? [];
  const areAllTrue = (name: string, types: string[]): Promise<unknown> =>
    eventually(`all conditions of ${name} are True`, 60_000, async () => {
      const found = await conditionsOf(name);
      expect(found.filter(({ status }) => status === 'True').map(({ type }) => type)).to.include.members(types);
      expect(found.filter(({ status }) => status !== 'True')).to.deep.equal([]);
      return true;
    });

  /** Every condition of `work`'s time that is not True or has gone, in the order in which the API server told of it. */
  async function changesDuring(work: () => Promise<unknown>): Promise<string[]> {
    const found: string[] = [];
    const stop = new AbortController();
    const before = new Map<string, string[]>();
    const told = reflect<Told, Told>(rig.kube.client, meshServices, {
      namespace: 'shop',
      trim: (object) => {
        const { name } = object.metadata;
        const conditions = object.status?.conditions ?? [];
        const types = conditions.map(({ type }) => type);
        for (const { type, status, reason } of conditions)
          if (status !== 'True') found.push(`${name}: ${type} ${status} ${reason}`);
        for (const type of before.get(name) ?? []) if (!types.includes(type)) found.push(`${name}: no ${type}`);
        before.set(name, types);
        return object;
      },
      signal: stop.signal,
      log: pino({ enabled: false }),
    });
    await told.synced();
    await work();
    stop.abort();
    return [...new Set(found)];
  }

  before(async () => {
    rig = await startOperatorRig();
    shop = shopOf(rig);
    await rig.start();
    sidecar = createServer((socket) => void socket.on('error', () => undefined).on('data', () => undefined));
    await new Promise<void>((resolve) => sidecar.listen(SIDECAR_READY_PORT, POD, resolve));
    await shop.declare('web', { mutualTLS: 'Strict', port: 18_080, access: [{ from: 'ledger' }] });
    await shop.declare('ledger', {
      mutualTLS: 'Strict',
      workloads: { external: { sites: ['rack-1'] } },
      upstreams: [{ service: 'web', localPort: 9191 }],
    });
    await eventually('pods are admitted', 20_000, () => rig.kube.client.create(pods, shop.plainPod('web-1', 'web')));
    await shop.setReady('web-1', true, POD);
    const Meta = { platform: 'vm', site: 'rack-1', node: 'vm1', [DOOR_META]: 'closed' };
    const service = { ID: 'ledger-vm1', Service: 'ledger', Address: '10.0.9.9', Port: 80, Tags: [], Meta };
    const node = { Node: 'vm.rack-1.vm1', Address: '10.0.9.9', Meta: {} };
    await rig.consul.apply([{ op: 'register', node, registration: { service, checks: [] } }]);
    const services = { web: { reached: 1, unreached: [] } };
    const report = { site: 'rack-1', at: new Date().toISOString(), services };
    await rig.consul.kvCas(`${REACH_KEYS}rack-1`, JSON.stringify(report), 0);
    await areAllTrue('web', ['Ready', 'Synced', 'Injected', 'Enforced', 'Reachable']);
    await areAllTrue('ledger', ['Ready', 'Synced', 'Enforced']);
  });
  after(async () => {
    sidecar?.close();
    await rig?.stop();
  });

  it('stay True when the operator is started again', async () => {
    const changes = await changesDuring(async () => {
      await rig.operators.at(-1)!.stop();
      await rig.start();
      await areAllTrue('web', ['Enforced', 'Reachable']);
    });
    expect(changes).to.deep.equal([]);
  });

  it('stay True but for Synced when the operator is started again while Consul is away', async () => {
    const changes = await changesDuring(async () => {
      await rig.operators.at(-1)!.stop();
      await rig.server.kill();
      await rig.start();
      for (const name of ['web', 'ledger']) await shop.condition(name, 'Synced', 'ConsulUnavailable');
      await rig.server.comeBack();
      for (const name of ['web', 'ledger']) await shop.condition(name, 'Synced', 'Synced');
    });
    expect(changes.filter((change) => !change.includes(': Synced Unknown ConsulUnavailable'))).to.deep.equal([]);
  });
});
