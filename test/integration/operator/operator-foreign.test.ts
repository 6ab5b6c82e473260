import { expect } from 'chai';
import type { Consul } from '../../../clients/consul/consul.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { events, meshServices, namespaces, secrets } from '../../../clients/kube/resources.ts';
import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';
import { type ConfigEntry, OWNER_META } from '../../../mesh/catalog/entry.ts';
import { NAMESPACE } from '../../../mesh/installation/installation.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

const OWNER = 'k8s/lab/shop/web';

describe('entries of other hands in Consul', function () {
  this.timeout(120_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;

  before(async () => {
    rig = await startOperatorRig();
    shop = shopOf(rig);
  });
  after(() => rig?.stop());
  beforeEach(() => rig.settle());

  /** Has the rights of a pod of `name`. */
  async function asSidecarOf(name: string): Promise<Consul> {
    const secret = await rig.kube.client.get<KubeObject & { data: Record<string, string> }>(
      secrets,
      `${name}-landbridge`,
      'shop',
    );
    return rig.server.connect(Buffer.from(secret!.data['token']!, 'base64').toString());
  }
  async function write(consul: Consul, entry: ConfigEntry): Promise<void> {
    const held = await consul.readConfig(entry.Kind, entry.Name);
    const [outcome] = await consul.apply([{ op: 'set-config', entry, modifyIndex: held?.modifyIndex ?? 0 }]);
    expect(outcome).to.include({ ok: true });
  }
  const entry = async (kind: ConfigEntry['Kind'], name: string) => (await rig.consul.readConfig(kind, name))?.entry;
  const allowed = async (name: string): Promise<string[]> =>
    (((await entry('service-intentions', name))?.['Sources'] ?? []) as { Name: string; Action?: string }[])
      .filter(({ Action }) => Action !== 'deny')
      .map(({ Name }) => Name);
  const eventOf = (reason: string) =>
    eventually(`an Event ${reason}`, 20_000, async () => {
      const page = await rig.kube.client.list<KubeObject>(events, { namespace: 'shop' });
      return page.items.find((one) => one['reason'] === reason);
    });

  it('are removed under a name that a MeshService holds, and the name keeps its instances', async () => {
    await shop.only('web', ['web-1'], { protocol: 'http' });
    const sidecar = await asSidecarOf('web');
    try {
      const Splits = [{ Weight: 100, Service: 'web', ServiceSubset: '' }];
      await write(sidecar, { Kind: 'service-splitter', Name: 'web', Meta: {}, Splits });
    } finally {
      sidecar.close();
    }
    const Sources = [{ Name: '*', Action: 'allow' }];
    await write(rig.consul, { Kind: 'service-intentions', Name: 'web', Meta: { by: 'hand' }, Sources });
    await eventually('both are put right', 20_000, async () => {
      const opened = await allowed('web');
      return (await entry('service-splitter', 'web')) === undefined && opened.length === 0 ? true : undefined;
    });
    expect((await shop.status('web'))?.conditions?.find(({ type }) => type === 'Synced')).to.include({
      status: 'True',
    });
    expect(await shop.health('web')).to.deep.equal({ 'web-1': 'passing' });
    const event = await eventOf('ForeignEntry');
    expect(event['note']).to.match(/service-(splitter|intentions) web/);
    expect(await rig.operators.at(-1)!.metric('landbridge_foreign_writes_total')).to.be.at.least(2);
  });

  it('take no name away, also when they lose its mark', async () => {
    await shop.only('web', ['web-1'], { protocol: 'http' });
    const sidecar = await asSidecarOf('web');
    let looking = true;
    let lost = 0;
    const look = (async () => {
      while (looking) if (Object.keys(await shop.health('web')).length === 0) lost++;
    })();
    try {
      for (const Meta of [{}, { [OWNER_META]: 'k8s/lab/shop/nobody' }, { [OWNER_META]: 'k8s/other/x/y' }]) {
        await write(sidecar, {
          Kind: 'service-defaults',
          Name: 'web',
          Protocol: 'http',
          Meta: Meta as Record<string, string>,
        });
        await eventually('the mark is there again', 20_000, async () => {
          const claim = await entry('service-defaults', 'web');
          return claim?.Meta[OWNER_META] === OWNER ? true : undefined;
        });
      }
    } finally {
      looking = false;
      await look;
      sidecar.close();
    }
    expect(lost, 'looks at which no instance was there').to.equal(0);
  });

  it('of a name with instances keep it from being claimed, until an administrator allows it', async () => {
    const node = { Node: 'legacy', Address: '10.9.9.9', Meta: {} };
    const service = { ID: 'db-1', Service: 'vendor-db', Address: '10.9.9.9', Port: 5432, Tags: [], Meta: {} };
    await rig.consul.apply([{ op: 'register', node, registration: { service, checks: [] } }]);
    try {
      await shop.declare('vendor-db');
      const synced = await shop.condition('vendor-db', 'Synced', 'NameInUse');
      expect(synced.message)
        .to.include('db-1 on Consul node legacy')
        .and.include('may-claim.landbridge.dev/shop=vendor-db');
      expect(await entry('service-defaults', 'vendor-db')).to.equal(undefined);
      const annotations = { 'may-claim.landbridge.dev/shop': 'other, vendor-db' };
      await rig.kube.client.patchMerge(namespaces, NAMESPACE, undefined, { metadata: { annotations } });
      await shop.condition('vendor-db', 'Synced', 'Synced');
      expect((await entry('service-defaults', 'vendor-db'))?.Meta[OWNER_META]).to.equal('k8s/lab/shop/vendor-db');
    } finally {
      await rig.consul.apply([{ op: 'delete-node', node: 'legacy' }]);
      await shop.remove('vendor-db');
      await rig.kube.client.patchMerge(namespaces, NAMESPACE, undefined, { metadata: { annotations: null } });
    }
  });

  it('never keep access from being taken back while the target of a fail over is gone', async () => {
    const spec: Partial<MeshServiceSpecInput> = { traffic: { failover: [{ from: '*', to: ['service:backup'] }] } };
    await shop.declare('backup');
    await shop.condition('backup', 'Synced', 'Synced');
    await shop.declare('web', { ...spec, protocol: 'tcp', access: [{ from: 'frontend' }, { from: 'evil' }] });
    await eventually('both may call', 20_000, async () => ((await allowed('web')).length === 2 ? true : undefined));
    await shop.remove('backup');
    await shop.condition('web', 'Synced', 'ReferenceMissing');
    await shop.declare('web', { ...spec, protocol: 'tcp', access: [{ from: 'frontend' }] });
    await eventually('evil may not', 20_000, async () => {
      expect(await allowed('web')).to.deep.equal(['frontend']);
      return true;
    });
    expect((await entry('service-resolver', 'web'))?.['Failover'], 'the rest stays').to.not.equal(undefined);
  });

  it('of another namespace pin no protocol of the service that they join', async () => {
    await rig.kube.client.create(namespaces, { metadata: { name: 'elsewhere' } });
    await shop.declare('payments', { protocol: 'http' });
    await shop.condition('payments', 'Synced', 'Synced');
    await rig.kube.client.apply(meshServices, {
      metadata: { name: 'joiner', namespace: 'elsewhere' },
      spec: {
        port: 8080,
        protocol: 'http',
        workloads: { pods: { selector: { matchLabels: { app: 'joiner' } } } },
        traffic: { routes: [{ name: 'pay', pathPrefix: '/pay', service: 'payments' }] },
      },
    });
    await eventually('it is joined', 20_000, async () =>
      JSON.stringify(await entry('service-router', 'joiner')).includes('payments') ? true : undefined,
    );
    await shop.declare('payments', { protocol: 'grpc' });
    await eventually('payments speaks grpc', 30_000, async () => {
      expect((await entry('service-defaults', 'payments'))?.['Protocol']).to.equal('grpc');
      return true;
    });
    await shop.condition('payments', 'Synced', 'Synced');
    const joiner = await eventually('the other one is told', 20_000, async () => {
      const found = await rig.kube.client.get<
        KubeObject & { status?: { conditions: { type: string; reason: string }[] } }
      >(meshServices, 'joiner', 'elsewhere');
      return found?.status?.conditions.find(({ type, reason }) => type === 'Synced' && reason === 'TrafficRefused');
    });
    expect(joiner).to.not.equal(undefined);
  });

  it('of another namespace keep no service of http from going that they join', async () => {
    await shop.declare('payments', { protocol: 'http' });
    await eventually('it is joined again', 30_000, async () =>
      JSON.stringify(await entry('service-router', 'joiner')).includes('payments') ? true : undefined,
    );
    await shop.remove('payments');
    await eventually('payments is let go', 30_000, async () => (await shop.status('payments')) === undefined);
    expect(await entry('service-defaults', 'payments')).to.equal(undefined);
  });
});
