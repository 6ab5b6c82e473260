import { expect } from 'chai';
import fc from 'fast-check';
import { criteriaOf, subsetFilter, subsetName } from '../../../../mesh/traffic/subset.ts';

describe('a subset', () => {
  it('has a name that Consul takes, another one for each reference', () => {
    const label = fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,60}[A-Za-z0-9])?$/);
    const reference = fc.oneof(
      fc.constantFrom('pods', 'vms', 'external'),
      label.map((text) => `version:${text}`),
      label.map((text) => `zone:${text}`),
    );
    fc.assert(
      fc.property(reference, reference, (one, other) => {
        expect(subsetName(one))
          .to.match(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
          .and.have.length.at.most(63);
        expect(subsetName(one) === subsetName(other)).to.equal(one === other);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps a name that is fit', () => {
    expect(['pods', 'site:rack-1', 'canary'].map(subsetName)).to.deep.equal(['pods', 'site-rack-1', 'canary']);
  });

  it('is a filter over what registrations carry in their Meta', () => {
    const filter = (reference: string) =>
      subsetFilter(criteriaOf(reference, [{ name: 'canary', platform: 'pod', version: 'v2' }])!);
    expect(filter('vms')).to.equal('Service.Meta.platform == "vm"');
    expect(filter('zone:a')).to.equal('Service.Meta.zone == "a"');
    expect(filter('canary')).to.equal('Service.Meta.platform == "pod" and Service.Meta.version == "v2"');
    expect(criteriaOf('nobody')).to.equal(undefined);
  });
});
