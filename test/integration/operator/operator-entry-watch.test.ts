import { expect } from 'chai';
import type { Consul } from '../../../clients/consul/consul.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { events, secrets } from '../../../clients/kube/resources.ts';
import { keepProxyDefaults } from '../../../operator/bootstrap/keep-proxy-defaults.ts';
import { type ConfigEntry, OWNER_META } from '../../../mesh/catalog/entry.ts';
import { eventually } from '../../support/eventually.ts';
import type { OperatorProcess } from '../../support/rigs/operator-process.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

const OWNER = 'k8s/lab/shop/web';
const RIGHT_MS = 1000;
const LUA = {
  Name: 'builtin/lua',
  Arguments: { ProxyType: 'connect-proxy', Listener: 'inbound', Script: 'function envoy_on_request(h) end' },
};

/** The survey comes once an hour here, so the watch has found each change that is put right. */
describe('a config entry that another hand changes', function () {
  this.timeout(120_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;
  let operator: OperatorProcess;
  let sidecar: Consul;

  before(async () => {
    rig = await startOperatorRig();
    shop = shopOf(rig);
    await keepProxyDefaults(rig.consul, 'lab');
    operator = await rig.start({ LANDBRIDGE_VERIFY_SECONDS: '3600' });
    await shop.only('web', ['web-1'], {
      protocol: 'http',
      access: [{ from: 'frontend' }],
      traffic: {
        subsets: [
          { name: 'a', version: 'v1' },
          { name: 'b', version: 'v2' },
        ],
        split: [
          { subset: 'a', weight: 50 },
          { subset: 'b', weight: 50 },
        ],
      },
    });
    const secret = await rig.kube.client.get<KubeObject & { data: Record<string, string> }>(
      secrets,
      'web-landbridge',
      'shop',
    );
    sidecar = rig.server.connect(Buffer.from(secret!.data['token']!, 'base64').toString());
    await quiet();
  });
  after(async () => {
    sidecar?.close();
    await rig?.stop();
  });

  const read = async (kind: ConfigEntry['Kind'], name = 'web') => (await rig.consul.readConfig(kind, name))?.entry;
  const walks = () => operator.metric('controller_runtime_reconcile_total');
  /** No walk was made for some time. */
  async function quiet(): Promise<void> {
    let [before, since] = [await walks(), performance.now()];
    await eventually('the operator has nothing to do', 30_000, async () => {
      const now = await walks();
      if (now !== before) [before, since] = [now, performance.now()];
      return performance.now() - since > 1500 || undefined;
    });
  }
  async function write(consul: Consul, entry: ConfigEntry): Promise<void> {
    const held = await consul.readConfig(entry.Kind, entry.Name);
    const [outcome] = await consul.apply([{ op: 'set-config', entry, modifyIndex: held?.modifyIndex ?? 0 }]);
    expect(outcome).to.include({ ok: true });
  }
  async function remove(consul: Consul, kind: ConfigEntry['Kind']): Promise<void> {
    const held = await consul.readConfig(kind, 'web');
    const [outcome] = await consul.apply([
      { op: 'delete-config', kind, name: 'web', modifyIndex: held?.modifyIndex ?? 0 },
    ]);
    expect(outcome).to.include({ ok: true });
  }
  /** Number of Events of a reason, those of a series included. */
  async function told(reason: string): Promise<number> {
    const { items } = await rig.kube.client.list<KubeObject & { series?: { count: number } }>(events, {
      namespace: 'shop',
    });
    return items.filter((one) => one['reason'] === reason).reduce((sum, { series }) => sum + (series?.count ?? 1), 0);
  }

  /** All of web's entries, as they were before `change`, are there again within RIGHT_MS, after one walk or two, with one Event. */
  async function putRight(change: () => Promise<void>): Promise<void> {
    const kinds = ['service-defaults', 'service-resolver', 'service-splitter', 'service-router'] as const;
    const all = () => Promise.all([...kinds, 'service-intentions' as const].map((kind) => read(kind)));
    const [wanted, eventsBefore, countedBefore] = [
      await all(),
      await told('ForeignEntry'),
      await operator.metric('landbridge_foreign_writes_total'),
    ];
    await change();
    const started = performance.now();
    await eventually(
      'it is right again',
      20_000,
      async () => {
        expect(await all()).to.deep.equal(wanted);
        return true;
      },
      5,
    );
    expect(performance.now() - started, 'ms until it was right').to.be.below(RIGHT_MS);
    await eventually('one Event', 10_000, async () => ((await told('ForeignEntry')) > eventsBefore ? true : undefined));
    await quiet();
    expect((await told('ForeignEntry')) - eventsBefore, 'Events').to.equal(1);
    expect((await operator.metric('landbridge_foreign_writes_total')) - countedBefore, 'counted').to.equal(1);
    expect(await shop.health('web')).to.deep.equal({ 'web-1': 'passing' });
    expect((await shop.status('web'))?.conditions?.find(({ type }) => type === 'Synced')).to.include({
      status: 'True',
    });
  }

  const marked = { [OWNER_META]: OWNER };
  const byToken: [string, ConfigEntry][] = [
    ['a splitter', { Kind: 'service-splitter', Name: 'web', Meta: {}, Splits: [{ Weight: 100, ServiceSubset: 'b' }] }],
    [
      'a splitter that keeps the mark',
      { Kind: 'service-splitter', Name: 'web', Meta: marked, Splits: [{ Weight: 100, ServiceSubset: 'a' }] },
    ],
    [
      'a router where none should be',
      {
        Kind: 'service-router',
        Name: 'web',
        Meta: marked,
        Routes: [{ Match: { HTTP: { PathPrefix: '/' } }, Destination: { Service: 'web', PrefixRewrite: '/x' } }],
      },
    ],
    [
      'a resolver',
      {
        Kind: 'service-resolver',
        Name: 'web',
        Meta: {},
        Subsets: { a: { Filter: 'Service.ID == "x"' }, b: { Filter: 'Service.ID == "y"' } },
      },
    ],
    [
      'service-defaults with a Lua script',
      { Kind: 'service-defaults', Name: 'web', Protocol: 'http', Meta: marked, EnvoyExtensions: [LUA] },
    ],
    ['service-defaults without the mark', { Kind: 'service-defaults', Name: 'web', Protocol: 'http', Meta: {} }],
  ];
  for (const [what, entry] of byToken) {
    it(`is right again within a second, with one Event: ${what}, by a sidecar's token`, () =>
      putRight(() => write(sidecar, entry)));
  }

  it('is right again within a second, with one Event: intentions that let everybody in', () =>
    putRight(() =>
      write(rig.consul, {
        Kind: 'service-intentions',
        Name: 'web',
        Meta: marked,
        Sources: [{ Name: '*', Action: 'allow' }],
      }),
    ));

  for (const kind of ['service-intentions', 'service-splitter'] as const) {
    it(`is right again within a second, with one Event: ${kind} that were deleted`, () =>
      putRight(() => remove(rig.consul, kind)));
  }

  it('leaves a condition that names the entry and its possible writer', async () => {
    const untouched = await shop.condition('web', 'Untouched', 'ForeignEntry');
    expect(untouched.status).to.equal('False');
    expect(untouched.message).to.include('service-splitter web, removed by a holder of service:write');
  });

  it('wakes a walk, and an entry that the operator writes itself wakes none', async () => {
    const before = await walks();
    await shop.declare('web', { protocol: 'http', access: [{ from: 'frontend' }, { from: 'other' }] });
    await eventually('it is written', 20_000, async () =>
      JSON.stringify(await read('service-intentions')).includes('other') && !(await read('service-splitter'))
        ? true
        : undefined,
    );
    await quiet();
    expect((await walks()) - before, operator.log().slice(-2000)).to.equal(1);
  });

  it('is proxy-defaults: they are right again within a second', async () => {
    const counted = await operator.metric('landbridge_foreign_writes_total');
    const wanted = await read('proxy-defaults', 'global');
    for (const Meta of [{}, { [OWNER_META]: 'k8s/lab' }] as Record<string, string>[]) {
      await write(rig.consul, { Kind: 'proxy-defaults', Name: 'global', Meta, Config: {}, EnvoyExtensions: [LUA] });
      const started = performance.now();
      await eventually(
        'they are right again',
        20_000,
        async () => {
          expect(await read('proxy-defaults', 'global')).to.deep.equal(wanted);
          return true;
        },
        5,
      );
      expect(performance.now() - started).to.be.below(RIGHT_MS);
    }
    await eventually('both are counted', 5000, async () =>
      (await operator.metric('landbridge_foreign_writes_total')) === counted + 2 ? true : undefined,
    );
  });
});
