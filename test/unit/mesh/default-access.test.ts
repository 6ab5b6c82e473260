import { expect } from 'chai';
import { withDefaultAccess } from '../../../mesh/default-access.ts';
import { configEntries } from '../../../mesh/traffic/entries.ts';
import { aMeshService } from '../../support/builders.ts';

describe('the default of access', () => {
  const sources = (spec: Parameters<typeof aMeshService>[1], standard: 'None' | 'Mesh'): unknown => {
    const meshService = withDefaultAccess(aMeshService('sub-svc', spec), standard);
    return configEntries(meshService, 'owner', () => undefined).find(({ Kind }) => Kind === 'service-intentions')
      ?.Sources;
  };
  const everybody = [{ Name: '*', Action: 'allow' }];

  it('lets nobody call where nothing is said anywhere', () => expect(sources({}, 'None')).to.equal(undefined));

  it('lets the mesh call where the installation says so and the MeshService nothing', () =>
    expect(sources({}, 'Mesh')).to.deep.equal(everybody));

  it('does not touch what a MeshService says, be it that nobody may', () => {
    expect(sources({ access: [{ from: 'a' }] }, 'Mesh')).to.deep.equal([{ Name: 'a', Action: 'allow' }]);
    expect(sources({ access: [] }, 'Mesh')).to.equal(undefined);
  });
});
