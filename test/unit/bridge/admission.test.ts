import { expect } from 'chai';
import { type ServiceFacts, admit, deciding, serviceFacts } from '../../../bridge/admission.ts';
import { aMeshService } from '../../support/builders.ts';

const external = (...sites: string[]) => ({ workloads: { external: { sites } } });
const mirror = (list: ServiceFacts[], hasSynced = true) => ({
  hasSynced,
  by: (_: 'service', service: string) => list.filter((facts) => facts.service === service),
});
const holding = (service: string) => ({ consul: { service, node: 'k8s.lab.n.web' } });

describe('admission', () => {
  it('lets in the sites that the MeshService names, under its Consul name, with its protocol and upstreams', () => {
    const upstreams = [{ service: 'db', localPort: 5432, env: 'DB' }];
    const facts = serviceFacts(
      aMeshService('web', { ...external('rack-1'), service: 'www', protocol: 'http', upstreams }),
    );
    expect(admit(mirror([facts]), 'www', 'rack-1')).to.deep.equal({
      kind: 'admitted',
      plan: {
        service: 'www',
        protocol: 'http',
        upstreams: [{ service: 'db', localPort: 5432, variable: { name: 'DB', value: 'http://localhost:5432' } }],
        proxy: {
          ...{ concurrency: 1, logLevel: 'warning', accessLog: 'none', drainTime: '10m' },
          stats: { tags: {}, extra: [] },
        },
        doors: { mode: 'Permissive', plaintextPorts: [] },
      },
    });
    expect(admit(mirror([facts]), 'web', 'rack-1')).to.have.property('kind', 'orphaned');
  });

  it('tells how sidecars judge callers, by the access of the MeshService or else of the installation', () => {
    const judgementOf = (spec: object, access?: 'None' | 'Mesh') => {
      const facts = serviceFacts(aMeshService('web', { ...external('r'), ...spec }), access && { access });
      const admission = admit(mirror([facts]), 'web', 'r');
      return admission.kind === 'admitted' ? admission.plan.judgement : admission;
    };
    expect(judgementOf({ speaksFirst: 'Caller' })).to.equal('firstByte');
    expect(judgementOf({ access: [{ from: 'a' }] }, 'Mesh')).to.deep.equal({ callers: ['a'] });
    expect(judgementOf({})).to.deep.equal({ callers: [] });
    expect(judgementOf({}, 'Mesh')).to.equal(undefined);
    expect(judgementOf({ protocol: 'http' })).to.equal(undefined);
  });

  it('gives the mode of the doors from the MeshService, or else from the installation', () => {
    const planOf = (spec: object, standard?: 'Strict' | 'Permissive') => {
      const admission = admit(
        mirror([serviceFacts(aMeshService('web', { ...external('r'), ...spec }), standard && { mutualTLS: standard })]),
        'web',
        'r',
      );
      return admission.kind === 'admitted' ? admission.plan.doors : admission;
    };
    expect(planOf({}, 'Strict')).to.deep.equal({ mode: 'Strict', plaintextPorts: [] });
    expect(planOf({ mutualTLS: 'Permissive' }, 'Strict')).to.deep.equal({ mode: 'Permissive', plaintextPorts: [] });
    // The name of a container port means nothing on a machine.
    expect(planOf({ mutualTLS: 'Strict', plaintextPorts: [9090, 'metrics'] })).to.deep.equal({
      mode: 'Strict',
      plaintextPorts: [9090],
    });
  });

  it('names an upstream by the protocol that its own MeshService says', () => {
    const upstreams = [{ service: 'db', localPort: 5432 }];
    const web = serviceFacts(aMeshService('web', { ...external('rack-1'), protocol: 'http', upstreams }));
    const db = serviceFacts(aMeshService('db', { protocol: 'tcp' }));
    const admission = admit(mirror([web, db]), 'web', 'rack-1');
    expect(admission.kind === 'admitted' && admission.plan.upstreams[0]?.variable).to.deep.equal({
      name: 'DB_ADDR',
      value: 'localhost:5432',
    });
  });

  it('lets those go on that are there when a MeshService has a field of a newer version, and nobody new', () => {
    for (const spec of [
      { ...external('rack-1'), protocol: 'http', fieldOfTheNextVersion: 1 },
      { ...external('rack-1'), protocol: 'quic' },
      { workloads: { external: { sites: 'rack-1' } } },
      'nothing',
    ]) {
      const object = { ...aMeshService('web'), spec, status: holding('web') };
      const facts = serviceFacts(object as never);
      expect(facts.unreadable).to.equal(true);
      const admission = admit(mirror([facts]), 'web', 'rack-1');
      expect(admission).to.have.property('kind', 'orphaned');
      expect(admission).to.have.property('message').that.includes('MeshService shop/web cannot be read by this bridge');
    }
    const newer = { ...aMeshService('db', { protocol: 'http' }), spec: { protocol: 'http', fieldOfTheNextVersion: 1 } };
    expect(serviceFacts(newer as never)).to.include({ unreadable: true, protocol: 'http' });
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
      // A member of the mesh goes on when the MeshService goes.
      expect(admission.kind).to.equal(service === 'web' ? 'refused' : 'orphaned');
      expect(admission).to.have.property('message').that.includes(says).and.includes('add "rack-1"');
    }
  });

  it('knows nothing before the MeshServices were read', () => {
    expect(admit(mirror([], false), 'web', 'rack-1')).to.deep.equal({ kind: 'unknown' });
  });

  describe('of several MeshServices of one Consul name', () => {
    const older = (spec = external('a')) =>
      aMeshService('web', spec, { namespace: 'n1', creationTimestamp: '2026-01-01T00:00:00Z' });
    const younger = (more = {}) =>
      aMeshService('web', external('b'), { namespace: 'n2', creationTimestamp: '2026-02-01T00:00:00Z', ...more });

    it('asks the oldest that stays, while nobody has claimed the name', () => {
      const [one, two] = [serviceFacts(older()), serviceFacts(younger())];
      expect(deciding(mirror([two, one]), 'web')).to.equal(one);
      expect(deciding(mirror([two, { ...one, deleting: true }]), 'web')).to.equal(two);
    });

    it('asks the one that holds the claim, though it is younger, being deleted or cannot be read', () => {
      const pretender = serviceFacts(older());
      const holder = serviceFacts({ ...younger(), status: holding('web') });
      expect(deciding(mirror([pretender, holder]), 'web')).to.equal(holder);
      expect(admit(mirror([pretender, holder]), 'web', 'a')).to.have.property('kind', 'refused');
      const going = serviceFacts({
        ...younger({ deletionTimestamp: '2026-03-01T00:00:00Z' }),
        status: holding('web'),
      });
      expect(deciding(mirror([pretender, going]), 'web')).to.equal(going);
      const unreadable = serviceFacts({ ...younger(), spec: { future: true }, status: holding('web') });
      expect(deciding(mirror([pretender, unreadable]), 'web')).to.equal(unreadable);
    });

    it('keeps to the holder while its verdict is about Consul being away, and the pretender has lost its own', () => {
      const away = {
        type: 'Synced',
        status: 'Unknown',
        reason: 'ConsulUnavailable',
        message: '',
        lastTransitionTime: '',
      };
      const pretender = serviceFacts({ ...older(), status: { conditions: [away] } });
      const holder = serviceFacts({ ...younger(), status: { ...holding('web'), conditions: [away] } });
      expect(deciding(mirror([pretender, holder]), 'web')).to.equal(holder);
    });

    it('lets no machine join a MeshService that has lost the name, though no other is here', () => {
      const lost = {
        type: 'Synced',
        status: 'False',
        reason: 'NameOwnedByAnother',
        message: '',
        lastTransitionTime: '',
      };
      const loser = serviceFacts({ ...older(), status: { conditions: [lost] } });
      const admission = admit(mirror([loser]), 'web', 'a');
      expect(admission.kind, 'machines that joined before go on').to.equal('orphaned');
      expect(admission).to.have.property('message').that.includes('does not hold the name "web"');
      expect(deciding(mirror([loser, serviceFacts(younger())]), 'web')?.namespace).to.equal('n2');
    });

    it('takes a claim on another name for none', () => {
      const renamed = serviceFacts({ ...younger(), status: holding('www') });
      const oldest = serviceFacts(older());
      expect(deciding(mirror([renamed, oldest]), 'web')).to.equal(oldest);
    });
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
    for (const status of [null, 1, [], { consul: null }, { consul: 'web' }, { conditions: 1 }]) {
      expect(serviceFacts({ ...aMeshService('web'), status }).standing).to.equal('open');
    }
  });
});
