import { expect } from 'chai';
import { withDefaultAccess } from '../../../../mesh/service/default-access.ts';
import { configEntries } from '../../../../mesh/traffic/entries.ts';
import { aMeshService } from '../../../support/builders.ts';

describe('the default of access', () => {
  const sources = (spec: Parameters<typeof aMeshService>[1], standard: 'None' | 'Mesh'): unknown => {
    const meshService = withDefaultAccess(aMeshService('sub-svc', spec), standard);
    return configEntries(meshService, 'owner', () => undefined).find(({ Kind }) => Kind === 'service-intentions')
      ?.Sources;
  };
  const everybody = [{ Name: '*', Action: 'allow' }];
  const nobody = [{ Name: '*', Action: 'deny' }];

  it('lets nobody call where nothing is said anywhere', () => expect(sources({}, 'None')).to.deep.equal(nobody));

  it('lets the mesh call where the installation says so and the MeshService nothing', () =>
    expect(sources({}, 'Mesh')).to.deep.equal(everybody));

  it('does not touch the access that a MeshService gives, not even an empty list', () => {
    expect(sources({ access: [{ from: 'a' }] }, 'Mesh')).to.deep.equal([{ Name: 'a', Action: 'allow' }, ...nobody]);
    expect(sources({ access: [] }, 'Mesh')).to.deep.equal(nobody);
  });
});
