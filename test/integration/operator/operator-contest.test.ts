import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { events } from '../../../clients/kube/resources.ts';
import type { ConfigEntry } from '../../../mesh/catalog/entry.ts';
import { restoreBackup, takeBackup } from '../../support/consul/consul-backup.ts';
import { eventually } from '../../support/eventually.ts';
import type { OperatorProcess } from '../../support/rigs/operator-process.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

/** No survey comes here, so the watch has found each change. */
describe('the watch of config entries', function () {
  this.timeout(120_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;
  let operator: OperatorProcess;

  before(async () => {
    rig = await startOperatorRig();
    shop = shopOf(rig);
    operator = await rig.start({ LANDBRIDGE_VERIFY_SECONDS: '3600' });
    for (const name of ['web', 'api']) {
      await shop.declare(name, { protocol: 'http', access: [{ from: 'frontend' }] });
      await shop.condition(name, 'Synced', 'Synced');
    }
  });
  after(() => rig?.stop());

  const splitter = (Name: string): ConfigEntry => ({
    Kind: 'service-splitter',
    Name,
    Meta: { 'external-source': 'kubernetes' },
    Splits: [{ Weight: 100, Service: Name }],
  });
  const read = async (kind: ConfigEntry['Kind'], name: string) => (await rig.consul.readConfig(kind, name))?.entry;
  /** A writer that overwrites every state. */
  const put = (entry: ConfigEntry) =>
    rig.server.transport().send({ method: 'PUT', path: '/config', body: entry, repeatable: true });
  const gone = (name: string, deadlineMs: number) =>
    eventually(`the splitter of ${name} is gone`, deadlineMs, async () => !(await read('service-splitter', name)), 5);
  const told = async (reason: string) =>
    (await rig.kube.client.list<KubeObject>(events, { namespace: 'shop' })).items.filter(
      (one) => one['reason'] === reason,
    );
  const written = () => operator.metric('landbridge_foreign_writes_total');

  it('backs off from a writer that writes again each 100 ms, tells of it once, and does not let it have the rest', async () => {
    const before = await written();
    let fighting = true;
    const fight = (async () => {
      while (fighting) {
        await put(splitter('web'));
        await delay(100);
      }
    })();
    try {
      const synced = await shop.condition('web', 'Synced', 'EntryContested');
      expect(synced.message).to.include('service-splitter web, by kubernetes, as its external-source says');
      await put(splitter('api'));
      await gone('api', 1000);
      const [counted, since] = [await written(), performance.now()];
      await delay(10_000);
      const seconds = (performance.now() - since) / 1000;
      expect((await written()) - counted, 'put right in that time').to.be.at.most(Math.ceil(seconds / 2));
      expect((await written()) - before).to.be.at.most(7 + seconds / 2);
    } finally {
      fighting = false;
      await fight;
    }
    await gone('web', 6000);
    expect(await told('EntryContested')).to.have.length(1);
    expect(await told('ConsulRefused'), 'a lost race is no refusal').to.deep.equal([]);
    expect((await told('ForeignEntry')).length, 'one for each entry').to.equal(2);
    expect((await shop.status('web'))?.conditions?.find(({ type }) => type === 'Untouched')).to.include({
      reason: 'EntryContested',
    });
  });

  it('goes on where Consul ends and starts again', async () => {
    for (const end of ['goDown', 'kill'] as const) {
      await rig.server[end]();
      await rig.server.comeBack();
      await eventually('it takes writes', 20_000, async () => (await put(splitter('api'))).status === 200);
      await gone('api', 12_000);
      // The return of Consul may have put it right before the watch has asked again, which it does within about a second.
      await eventually('a foreign write is right within a second again', 5000, async () => {
        await put(splitter('api'));
        await gone('api', 1000);
        return true;
      });
    }
  });

  it('finds what a backup has brought back, and calls nobody the writer', async () => {
    const backup = await takeBackup(rig.server);
    const allowed = async () => JSON.stringify(await read('service-intentions', 'api'));
    await shop.declare('api', { protocol: 'http', access: [{ from: 'later' }] });
    await eventually('it is written', 20_000, async () => (await allowed()).includes('later') || undefined, 20);
    const before = [(await told('ForeignEntry')).length, await written()];
    // A question that is asked after the restore waits for an index that is not there yet: those under way are ended by it.
    await delay(1500);
    await restoreBackup(rig.server, backup);
    await eventually('it is written again', 5000, async () => (await allowed()).includes('later') || undefined, 20);
    await shop.condition('api', 'Synced', 'Synced');
    expect([(await told('ForeignEntry')).length, await written()]).to.deep.equal(before);
  });
});
