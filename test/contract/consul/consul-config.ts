import { expect } from 'chai';
import type { Consul } from '../../../clients/consul/consul.ts';
import { configSteps } from '../../../mesh/catalog/config-steps.ts';
import { diff } from '../../../mesh/catalog/diff.ts';
import { type ConfigEntry, configKey } from '../../../mesh/catalog/entry.ts';
import { appOf, errorsOf, nodeOf, nodeWith, owned } from './consul-builders.ts';
import type { ConsulUnderTest } from './consul-under-test.ts';

const defaults = (name: string, protocol = 'http', owner = 'tester'): ConfigEntry => ({
  Kind: 'service-defaults',
  Name: name,
  Meta: owned(owner),
  Protocol: protocol,
});

/** One of each kind, with every field that traffic rules will need. In an order that Consul would refuse. */
const everyKind: ConfigEntry[] = [
  {
    Kind: 'service-router',
    Name: 'all',
    Meta: owned('tester'),
    Routes: [
      {
        Match: { HTTP: { PathPrefix: '/api', Methods: ['GET', 'POST'] } },
        Destination: {
          Service: 'all',
          RequestTimeout: '2s',
          IdleTimeout: '1m0s',
          NumRetries: 2,
          RetryOnConnectFailure: true,
          RetryOn: ['reset', 'connect-failure'],
          RetryOnStatusCodes: [502, 503],
        },
      },
    ],
  },
  {
    Kind: 'service-splitter',
    Name: 'all',
    Meta: owned('tester'),
    Splits: [
      { Weight: 90.5, ServiceSubset: 'vms' },
      { Weight: 9.5, ServiceSubset: 'pods' },
    ],
  },
  {
    Kind: 'service-resolver',
    Name: 'all',
    Meta: owned('tester'),
    DefaultSubset: 'pods',
    ConnectTimeout: '1.5s',
    RequestTimeout: '1h0m30s',
    Subsets: {
      pods: { Filter: 'Service.Meta.platform == pod' },
      vms: { Filter: 'Service.Meta.platform == vm', OnlyPassing: true },
      any: {},
    },
    Failover: { vms: { ServiceSubset: 'pods' }, '*': { Targets: [{ ServiceSubset: 'pods' }] } },
    LoadBalancer: {
      Policy: 'ring_hash',
      HashPolicies: [{ Field: 'cookie', FieldValue: 'session', CookieConfig: { TTL: '1m30s' } }],
    },
  },
  {
    Kind: 'service-defaults',
    Name: 'all',
    Meta: owned('tester'),
    Protocol: 'http',
    MaxInboundConnections: 100,
    LocalConnectTimeoutMs: 250,
    UpstreamConfig: {
      Defaults: {
        ConnectTimeoutMs: 500,
        Limits: { MaxConnections: 1024, MaxPendingRequests: 256, MaxConcurrentRequests: 512 },
        PassiveHealthCheck: { Interval: '10s', MaxFailures: 5, BaseEjectionTime: '500ms', MaxEjectionPercent: 50 },
      },
      Overrides: [{ Name: 'sub', ConnectTimeoutMs: 100 }],
    },
  },
  {
    Kind: 'service-intentions',
    Name: 'all',
    Meta: owned('tester'),
    Sources: [
      { Name: 'frontend', Action: 'allow' },
      {
        Name: 'admin',
        Permissions: [
          { Action: 'allow', HTTP: { PathPrefix: '/api', Methods: ['GET'] } },
          { Action: 'deny', HTTP: { PathExact: '/x', Header: [{ Name: 'x-user', Present: true }] } },
        ],
      },
      { Name: '*', Action: 'deny' },
    ],
  },
  {
    Kind: 'terminating-gateway',
    Name: 'all',
    Meta: owned('tester'),
    Services: [{ Name: 'ledger' }, { Name: 'mainframe' }],
  },
];

const byKey = (entries: ConfigEntry[]): Record<string, ConfigEntry> =>
  Object.fromEntries(entries.map((entry) => [configKey(entry), entry]));

export function configContract(given: () => ConsulUnderTest): void {
  let consul: Consul;
  before(() => void (consul = given().connect()));

  const write = (entry: ConfigEntry, modifyIndex = 0) => consul.apply([{ op: 'set-config', entry, modifyIndex }]);

  it('writes every kind in one go, in any order, and reads each back field for field', async () => {
    const outcomes = await consul.apply(configSteps({}, byKey(everyKind)));
    expect(errorsOf(outcomes)).to.deep.equal(everyKind.map(() => undefined));
    for (const entry of everyKind) {
      expect((await consul.readConfig(entry.Kind, 'all'))?.entry, entry.Kind).to.deep.equal(entry);
    }
  });

  it('removes every kind in one go, in any order', async () => {
    const held = await Promise.all(everyKind.toReversed().map((entry) => consul.readConfig(entry.Kind, 'all')));
    const outcomes = await consul.apply(
      configSteps(Object.fromEntries(held.map((h) => [configKey(h!.entry), h!])), {}),
    );
    expect(errorsOf(outcomes)).to.deep.equal(held.map(() => undefined));
    for (const { Kind } of everyKind) expect(await consul.readConfig(Kind, 'all'), Kind).to.equal(undefined);
  });

  it('reads an entry without Meta as one with an empty Meta', async () => {
    await write({ ...defaults('plain', 'tcp'), Meta: {} });
    const held = await consul.readConfig('service-defaults', 'plain');
    expect(held?.entry).to.deep.equal({ Kind: 'service-defaults', Name: 'plain', Protocol: 'tcp', Meta: {} });
  });

  it('respells a duration as Go does, which is why the others must be written that way', async () => {
    const entry: ConfigEntry = { Kind: 'service-resolver', Name: 'spelling', Meta: {}, ConnectTimeout: '90s' };
    await write(entry);
    const held = await consul.readConfig('service-resolver', 'spelling');
    expect(held?.entry).to.deep.equal({ ...entry, ConnectTimeout: '1m30s' });
  });

  it('lists the entries of a kind by name', async () => {
    await Promise.all(['list-b', 'list-a'].map((name) => write(defaults(name))));
    const names = (await consul.listConfig('service-defaults')).map(({ entry }) => entry.Name);
    expect(names.filter((name) => name.startsWith('list-'))).to.deep.equal(['list-a', 'list-b']);
  });

  it('creates only missing entries: when two claim a name one wins and the other gets a conflict', async () => {
    const [mine, yours] = await Promise.all(['me', 'you'].map((owner) => write(defaults('claim', 'http', owner))));
    const errors = errorsOf([...mine!, ...yours!]);
    expect(errors.filter((error) => error === undefined)).to.have.length(1);
    expect(errors.find((error) => error !== undefined)).to.match(/service-defaults\/claim: somebody else wrote it/);
    const winner = errors[0] === undefined ? 'me' : 'you';
    expect((await consul.readConfig('service-defaults', 'claim'))?.entry.Meta).to.deep.equal(owned(winner));
  });

  it('neither overwrites nor removes what was written since it was read', async () => {
    await write(defaults('since'));
    const stale = (await consul.readConfig('service-defaults', 'since'))!;
    await write(defaults('since', 'grpc', 'another'), stale.modifyIndex);
    const [set] = await write(defaults('since', 'http2'), stale.modifyIndex);
    const [removed] = await consul.apply([
      { op: 'delete-config', kind: 'service-defaults', name: 'since', modifyIndex: stale.modifyIndex },
    ]);
    expect(errorsOf([set!, removed!]).map((error) => /somebody else wrote it/.test(error ?? ''))).to.deep.equal([
      true,
      true,
    ]);
    expect((await consul.readConfig('service-defaults', 'since'))?.entry).to.deep.equal(
      defaults('since', 'grpc', 'another'),
    );
  });

  it("gives Consul's own sentence for an entry that it refuses", async () => {
    const [outcome] = await write(defaults('odd', 'carrier-pigeon'));
    expect(errorsOf([outcome!])[0]).to.match(
      /Consul refused PUT \/v1\/config: .*invalid value for protocol: carrier-pigeon/s,
    );
  });

  it("plans nothing against another owner's entries and node, and leaves them as they are", async () => {
    const { entry: foreign, changes } = nodeWith('k8s.t.shop.foreign', appOf('foreign-1', 'foreign'));
    await consul.apply([
      ...changes,
      { op: 'set-config', entry: defaults('foreign', 'http', 'stranger'), modifyIndex: 0 },
    ]);
    const held = (await consul.readConfig('service-defaults', 'foreign'))!;
    const actual = { node: await consul.readNode('k8s.t.shop.foreign'), config: { [configKey(held.entry)]: held } };
    const wanted = defaults('foreign', 'grpc', 'me');
    const node = { ...nodeOf('k8s.t.shop.foreign', 'me'), registrations: {} };
    const plan = diff({ node, config: { [configKey(wanted)]: wanted } }, actual, 'me');
    expect(plan.conflicts.map((conflict) => conflict.owner)).to.deep.equal(['stranger', 'tester']);
    expect(await consul.apply(plan.changes)).to.deep.equal([]);
    expect(await consul.readNode('k8s.t.shop.foreign')).to.deep.equal(foreign);
    expect(await consul.readConfig('service-defaults', 'foreign')).to.deep.equal(held);
  });
}
