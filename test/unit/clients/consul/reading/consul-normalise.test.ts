import { expect } from 'chai';
import fc from 'fast-check';
import { checkEntry, serviceEntry } from '../../../../../clients/consul/reading/normalise-catalog.ts';
import { configEntry } from '../../../../../clients/consul/reading/normalise-config.ts';
import { goDuration } from '../../../../../mesh/duration.ts';

describe('a field that Consul adds by itself', () => {
  it('is dropped from a service, and null counts as empty', () => {
    const raw = {
      ID: 'a',
      Service: 'a',
      Kind: '',
      Tags: null,
      Meta: null,
      Weights: { Passing: 1, Warning: 1 },
      EnableTagOverride: false,
      Proxy: { DestinationServiceName: '', Mode: '', MeshGateway: {}, Expose: {} },
      Connect: {},
      CreateIndex: 1,
    };
    expect(serviceEntry(raw)).to.deep.equal({ ID: 'a', Service: 'a', Address: '', Port: 0, Tags: [], Meta: {} });
  });

  it('is dropped from a check; a warning still gets traffic, so it passes', () => {
    const raw = { CheckID: 'c', Name: 'n', Status: 'warning', Notes: '', Type: 'ttl', Definition: {}, Node: 'n' };
    expect(checkEntry(raw)).to.deep.equal({ CheckID: 'c', Name: 'n', Status: 'passing', Output: '', ServiceID: '' });
    expect(checkEntry({ ...raw, Status: 'critical' }).Status).to.equal('critical');
  });

  it('is dropped from a config entry, but not what has the same name further down', () => {
    const raw = {
      Kind: 'service-resolver',
      Name: 'a',
      Meta: null,
      Subsets: { any: {}, v1: { Filter: 'x', OnlyPassing: false } },
      Redirect: { Namespace: 'kept', Partition: 'kept' },
      LoadBalancer: null,
      Hash: 7,
      CreateIndex: 3,
      ModifyIndex: 9,
    };
    expect(configEntry(raw)).to.deep.equal({
      modifyIndex: 9,
      entry: {
        Kind: 'service-resolver',
        Name: 'a',
        Meta: {},
        Subsets: { any: {}, v1: { Filter: 'x', OnlyPassing: false } },
        Redirect: { Namespace: 'kept', Partition: 'kept' },
      },
    });
    expect(raw.Hash, 'the answer itself is left alone').to.equal(7);
  });

  it('is dropped from service-defaults only where it is empty', () => {
    const raw = {
      Kind: 'service-defaults',
      Name: 'a',
      Expose: {},
      MeshGateway: { Mode: 'local' },
      TransparentProxy: {},
    };
    expect(configEntry({ ...raw, ModifyIndex: 1 }).entry).to.deep.equal({
      Kind: 'service-defaults',
      Name: 'a',
      Meta: {},
      MeshGateway: { Mode: 'local' },
    });
  });
});

describe('a duration in Go spelling', () => {
  it('is what time.Duration.String prints', () => {
    const cases: [number, string][] = [
      [0, '0s'],
      [0.25, '250µs'],
      [500, '500ms'],
      [1500, '1.5s'],
      [60_000, '1m0s'],
      [90_500, '1m30.5s'],
      [3_600_000, '1h0m0s'],
      [90_061_001, '25h1m1.001s'],
    ];
    for (const [ms, spelled] of cases) expect(goDuration(ms)).to.equal(spelled);
  });

  it('says the same time it was made of', () => {
    const unit: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
    fc.assert(
      fc.property(fc.nat(10 ** 9), (ms) => {
        const parts = [...goDuration(ms).matchAll(/([\d.]+)(h|ms|m|s)/g)];
        const sum = parts.reduce((total, [, n, u]) => total + Number(n) * unit[u!]!, 0);
        expect(Math.round(sum)).to.equal(ms);
      }),
    );
  });
});
