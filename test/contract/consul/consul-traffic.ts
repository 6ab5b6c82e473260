import { expect } from 'chai';
import type { Consul } from '../../../clients/consul/consul.ts';
import { configSteps } from '../../../mesh/catalog/config-steps.ts';
import { CONFIG_KINDS, type ConfigEntry, configKey, type HeldConfig } from '../../../mesh/catalog/entry.ts';
import { configEntries } from '../../../mesh/traffic/entries.ts';
import { aMeshService } from '../../support/builders.ts';
import { TRAFFIC_SPECS } from '../../support/envoy/traffic-specs.ts';
import { errorsOf } from './consul-builders.ts';
import type { ConsulUnderTest } from './consul-under-test.ts';

/** The entries of mesh/traffic for a MeshService, on Consul: taken, read back as it was written, and changed step by step. */
export function trafficContract(given: () => ConsulUnderTest): void {
  let consul: Consul;

  const entriesOf = (what: string): Record<string, ConfigEntry> => {
    const service = aMeshService('web', TRAFFIC_SPECS[what]);
    const limited = { limits: { maxConnections: 5, maxPendingRequests: 1 }, passiveHealth: { ejectFor: '1m' } };
    const entries = configEntries(service, 'tester', (callee) => (callee === 'limited' ? limited : undefined));
    return Object.fromEntries(entries.map((entry) => [configKey(entry), entry]));
  };
  const held = async (): Promise<Record<string, HeldConfig>> => {
    const found = await Promise.all(CONFIG_KINDS.map((kind) => consul.readConfig(kind, 'web')));
    return Object.fromEntries(found.flatMap((entry) => (entry === undefined ? [] : [[configKey(entry.entry), entry]])));
  };
  /** Goes there; every write of the way has to be taken. */
  const goTo = async (wanted: Record<string, ConfigEntry>): Promise<void> => {
    const outcomes = await consul.apply(configSteps(await held(), wanted));
    expect(errorsOf(outcomes)).to.deep.equal(outcomes.map(() => undefined));
    const entries = Object.entries(await held()).map(([key, { entry }]) => [key, entry] as const);
    expect(Object.fromEntries(entries)).to.deep.equal(wanted);
  };

  before(async () => {
    consul = given().connect();
    const other: ConfigEntry = { Kind: 'service-defaults', Name: 'other', Protocol: 'http', Meta: {} };
    await consul.apply([{ op: 'set-config', entry: other, modifyIndex: 0 }]);
  });
  after(() => goTo({}));

  const names = Object.keys(TRAFFIC_SPECS);
  for (const from of names) {
    it(`takes the way from "${from}" to each other and back, each step of it`, async () => {
      for (const to of names) {
        await goTo(entriesOf(from));
        await goTo(entriesOf(to));
      }
    });
  }

  it('puts everything back when the last step is refused', async () => {
    await goTo(entriesOf('split'));
    const before = await held();
    const wanted = entriesOf('everything of routes');
    const broken = { ...wanted['service-router/web']!, Routes: [{ Destination: { Service: 'nobody-speaks-http' } }] };
    const outcomes = await consul.apply(configSteps(before, { ...wanted, 'service-router/web': broken }));
    expect(errorsOf(outcomes).some((error) => /protocol/.test(error ?? ''))).to.equal(true);
    const entries = (state: Record<string, HeldConfig>) => Object.values(state).map(({ entry }) => entry);
    expect(entries(await held())).to.have.deep.members(entries(before));
  });
}
