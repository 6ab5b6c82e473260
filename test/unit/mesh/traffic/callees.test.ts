import { expect } from 'chai';
import type { MeshService } from '../../../../crds/mesh-service.ts';
import { calleesOf } from '../../../../mesh/traffic/callees.ts';
import { aMeshService } from '../../../support/builders.ts';

describe('what a caller hears of a service that it calls', () => {
  const caller = aMeshService('web', { upstreams: [{ service: 'payments', localPort: 9000 }] });
  const limited = (maxConnections: number, status: object): MeshService =>
    ({ ...aMeshService('payments', { traffic: { limits: { maxConnections } } }), status }) as MeshService;
  const heard = (...all: MeshService[]) => calleesOf(caller, () => all.map((meshService) => ({ meshService })));

  it('is what the one says that holds the name', () => {
    const holder = limited(100, { consul: { service: 'payments' } });
    expect(heard(limited(1, {}), holder)['payments']?.limits?.maxConnections).to.equal(100);
  });

  it('is nothing while nobody holds it: who only wants the name sets no limits', () => {
    const lost = limited(1, { conditions: [{ type: 'Synced', status: 'False', reason: 'NameOwnedByAnother' }] });
    expect(heard(lost)).to.deep.equal({});
    expect(heard(limited(1, {}))).to.deep.equal({});
  });
});
