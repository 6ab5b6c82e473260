import { expect } from 'chai';
import type { MeshService } from '../../../../crds/mesh-service.ts';
import { calleesOf } from '../../../../mesh/traffic/callees.ts';
import { aMeshService } from '../../../support/builders.ts';

describe('the rules of a service that reach its callers', () => {
  const caller = aMeshService('web', { upstreams: [{ service: 'payments', localPort: 9000 }] });
  const limited = (maxConnections: number, status: object): MeshService =>
    ({ ...aMeshService('payments', { traffic: { limits: { maxConnections } } }), status }) as MeshService;
  const heard = (...all: MeshService[]) => calleesOf(caller, () => all.map((meshService) => ({ meshService })));

  it('are those of the holder of the name', () => {
    const holder = limited(100, { consul: { service: 'payments' } });
    expect(heard(limited(1, {}), holder)['payments']?.limits?.maxConnections).to.equal(100);
  });

  it('are empty while nobody holds the name, also when a MeshService wants it', () => {
    const lost = limited(1, { conditions: [{ type: 'Synced', status: 'False', reason: 'NameOwnedByAnother' }] });
    expect(heard(lost)).to.deep.equal({});
    expect(heard(limited(1, {}))).to.deep.equal({});
  });
});
