import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { events, meshServices } from '../../../clients/kube/resources.ts';
import type { ConfigEntry } from '../../../mesh/catalog/entry.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

/** More than the Events that are written at once. */
const SERVICES = 80;
const RIGHT_MS = 1000;
const KINDS = ['service-defaults', 'service-resolver', 'service-splitter', 'service-intentions'] as const;

/** The survey comes once an hour here, so the watch finds each change. */
describe('a storm of foreign writes, each to another MeshService', function () {
  this.timeout(240_000);
  let rig: OperatorRig;
  const name = (index: number): string => `web-${index}`;

  before(async () => {
    rig = await startOperatorRig();
    await rig.start({ LANDBRIDGE_VERIFY_SECONDS: '3600' });
    const shop = shopOf(rig);
    for (let index = 0; index < SERVICES; index++) await shop.declare(name(index), { protocol: 'http' });
    await eventually('all are in Consul', 120_000, async () => {
      const { items } = await rig.kube.client.list<KubeObject & { status?: { consul?: object } }>(meshServices);
      return items.filter(({ status }) => status?.consul !== undefined).length === SERVICES || undefined;
    });
  });
  after(() => rig?.stop());

  const read = async (kind: ConfigEntry['Kind'], service: string) =>
    (await rig.consul.readConfig(kind, service))?.entry;
  const counted = () => rig.operators.at(-1)!.metric('landbridge_foreign_writes_total');

  function foreign(kind: (typeof KINDS)[number], Name: string, held: ConfigEntry | undefined): ConfigEntry {
    const entry = held ?? { Kind: kind, Name, Meta: {} };
    if (kind === 'service-defaults') return { ...entry, MaxInboundConnections: 1 };
    if (kind === 'service-resolver') return { ...entry, ConnectTimeout: '7s' };
    if (kind === 'service-splitter') return { ...entry, Splits: [{ Weight: 100 }] };
    return { ...entry, Sources: [{ Name: '*', Action: 'allow' }] };
  }

  /** Gives the milliseconds from the foreign write until the entry is what it was. */
  async function disturb(index: number): Promise<number> {
    const [kind, service] = [KINDS[index % KINDS.length]!, name(index)];
    const held = await rig.consul.readConfig(kind, service);
    const entry = foreign(kind, service, held?.entry);
    const [outcome] = await rig.consul.apply([{ op: 'set-config', entry, modifyIndex: held?.modifyIndex ?? 0 }]);
    expect(outcome).to.include({ ok: true });
    const wroteMs = performance.now();
    await eventually(`${kind} of ${service} is right again`, 30_000, async () => {
      expect(await read(kind, service)).to.deep.equal(held?.entry);
      return true;
    });
    return performance.now() - wroteMs;
  }

  it('has each put right within a second, counted once, and told by one Event', async () => {
    const before = await counted();
    const took: Promise<number>[] = [];
    for (let index = 0; index < SERVICES; index++) {
      took.push(disturb(index));
      await delay(250);
    }
    const late = (await Promise.all(took)).filter((ms) => ms > RIGHT_MS);
    expect(late, 'ms of those that took too long').to.deep.equal([]);
    await eventually('all are counted', 10_000, async () => (await counted()) - before >= SERVICES || undefined);
    const told = await eventually('each has an Event', 90_000, async () => {
      const { items } = await rig.kube.client.list<KubeObject & { regarding: { name: string }; series?: object }>(
        events,
        { namespace: 'shop' },
      );
      const of = items.filter(({ reason }) => reason === 'ForeignEntry');
      return of.length >= SERVICES ? of : undefined;
    });
    expect(told.map(({ regarding }) => regarding.name).sort()).to.deep.equal(
      Array.from({ length: SERVICES }, (_, index) => name(index)).sort(),
    );
    expect(told.filter(({ series }) => series !== undefined)).to.deep.equal([]);
    expect(await counted()).to.equal(before + SERVICES);
  });
});
