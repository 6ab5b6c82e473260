import { expect } from 'chai';
import { type ServiceFacts, admit, deciding, serviceFacts } from '../../../bridge/admission.ts';
import { aMeshService } from '../../support/builders.ts';

const external = (...sites: string[]) => ({ workloads: { external: { sites } } });
const mirror = (list: ServiceFacts[], hasSynced = true) => ({
  hasSynced,
  by: (_: 'service', service: string) => list.filter((facts) => facts.service === service),
});
const conflicted = {
  conditions: [
    { type: 'Synced', status: 'False' as const, reason: 'NameOwnedByAnother', message: '', lastTransitionTime: '' },
  ],
};

describe('admission', () => {
  it('lets in the sites that the MeshService names, under its Consul name, with its protocol and upstreams', () => {
    const upstreams = [{ service: 'db', localPort: 5432, env: 'DB' }];
    const facts = serviceFacts(
      aMeshService('web', { ...external('rack-1'), service: 'www', protocol: 'http', upstreams }),
    );
    expect(admit(mirror([facts]), 'www', 'rack-1')).to.deep.equal({
      kind: 'admitted',
      plan: { service: 'www', protocol: 'http', upstreams: [{ service: 'db', localPort: 5432 }] },
    });
    expect(admit(mirror([facts]), 'web', 'rack-1')).to.have.property('kind', 'refused');
  });

  it('says what to add where: a MeshService, a site, or to a MeshService that is being deleted', () => {
    const pods = serviceFacts(aMeshService('web'));
    const going = serviceFacts(aMeshService('old', external('rack-1'), { deletionTimestamp: '2026-01-01T00:00:00Z' }));
    for (const [service, says] of [
      [
        'web',
        'MeshService shop/web does not admit instances from site "rack-1": add "rack-1" to spec.workloads.external.sites',
      ],
      ['old', 'MeshService shop/old is being deleted'],
      ['none', 'no MeshService has the Consul name "none"'],
    ] as const) {
      const admission = admit(mirror([pods, going]), service, 'rack-1');
      expect(admission).to.have.property('message').that.includes(says).and.includes('add "rack-1"');
    }
  });

  it('knows nothing before the MeshServices were read', () => {
    expect(admit(mirror([], false), 'web', 'rack-1')).to.deep.equal({ kind: 'unknown' });
  });

  it('asks, of several MeshServices of one Consul name, the one that owns it: never one in conflict, else the oldest', () => {
    const one = serviceFacts(
      aMeshService('web', external('a'), { namespace: 'n1', creationTimestamp: '2026-01-01T00:00:00Z' }),
    );
    const two = serviceFacts(
      aMeshService('web', external('b'), { namespace: 'n2', creationTimestamp: '2026-02-01T00:00:00Z' }),
    );
    expect(deciding(mirror([two, one]), 'web')).to.equal(one);
    const loser = serviceFacts({ ...aMeshService('web', external('a'), { namespace: 'n1' }), status: conflicted });
    expect(deciding(mirror([loser, two]), 'web')).to.equal(two);
  });

  it('admits nobody to an object that it cannot read, and does not fail at it', () => {
    const facts = serviceFacts({
      metadata: { name: 'web', namespace: 'shop' } as never,
      spec: { service: 'www', future: true },
    });
    expect(facts).to.deep.include({ service: 'www', sites: [] });
    for (const spec of [null, undefined, 1, {}, []]) {
      expect(serviceFacts({ metadata: { name: 'web' } as never, spec }).sites).to.deep.equal([]);
    }
  });
});
