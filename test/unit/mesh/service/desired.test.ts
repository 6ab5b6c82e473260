import { expect } from 'chai';
import fc from 'fast-check';
import { desiredState } from '../../../../mesh/service/desired.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';

const desired = (meshService: ReturnType<typeof aMeshService>, pods = [aPodFacts('sub-svc-1')]) =>
  desiredState({ cluster: 'lab', namespace: 'shop', name: 'sub-svc', meshService, pods, formerServices: [] });

describe('desiredState', () => {
  it('registers the app and its sidecar for an injected pod that has an address', () => {
    const { node } = desired(aMeshService('sub-svc', { upstreams: [{ service: 'add-svc', localPort: 9191 }] }));
    expect(node?.Node).to.equal('k8s.lab.shop.sub-svc');
    expect(node?.registrations['sub-svc-1']?.service).to.include({
      Service: 'sub-svc',
      Address: '10.244.1.7',
      Port: 8080,
    });
    const sidecar = node?.registrations['sub-svc-1-sidecar'];
    expect(sidecar?.service).to.include({ Kind: 'connect-proxy', Service: 'sub-svc-sidecar-proxy', Port: 20000 });
    expect(sidecar?.service.Proxy?.Upstreams).to.deep.equal([
      { DestinationName: 'add-svc', DestinationType: 'service', LocalBindAddress: '127.0.0.1', LocalBindPort: 9191 },
    ]);
    expect(sidecar?.checks[0]).to.include({ Status: 'passing', ServiceID: 'sub-svc-1-sidecar' });
  });

  const table: [string, Parameters<typeof aPodFacts>[1], 'passing' | 'critical' | 'absent'][] = [
    ['a ready pod', {}, 'passing'],
    ['a pod that is not ready', { ready: false, notReadyBecause: 'starting' }, 'critical'],
    ['a ready pod that is terminating', { terminating: true }, 'critical'],
    ['a pod without an address yet', { ip: undefined }, 'absent'],
    ['a pod that has finished', { finished: true }, 'absent'],
    ['a pod without a sidecar', { injected: false }, 'absent'],
    ['a pod whose label was taken off', { labels: {} }, 'absent'],
  ];
  for (const [what, facts, expected] of table) {
    it(`holds ${what} as ${expected}`, () => {
      const { node } = desired(aMeshService('sub-svc'), [aPodFacts('p', facts)]);
      expect(node?.registrations.p?.checks[0]?.Status ?? 'absent').to.equal(expected);
    });
  }

  it('registers the sidecar alone, critical and without an address, of a pod that a node has and that has no address yet', () => {
    const of = (facts: Parameters<typeof aPodFacts>[1]) =>
      desired(aMeshService('sub-svc'), [aPodFacts('p', { ip: undefined, ...facts })]).node!.registrations;
    const { 'p-sidecar': sidecar, ...others } = of({ ready: false });
    expect(others).to.deep.equal({});
    expect(sidecar?.service).to.include({ Kind: 'connect-proxy', Address: '', Port: 20000 });
    expect(sidecar?.checks.map(({ Status }) => Status)).to.deep.equal(['critical']);
    // A pod without an address gets no traffic, even when it says ready.
    expect(of({ ready: true })['p-sidecar']?.checks[0]?.Status).to.equal('critical');
    expect(of({ node: undefined })).to.deep.equal({});
    expect(of({ terminating: true })).to.deep.equal({});
  });

  describe('with spec.reach: hostPort', () => {
    const atNode = aMeshService('sub-svc', { reach: 'hostPort', access: [{ from: '*' }] });
    const sidecarOf = (facts: Parameters<typeof aPodFacts>[1], meshService = atNode) =>
      desired(meshService, [aPodFacts('p', facts)]).node!.registrations['p-sidecar']!.service;

    for (const [what, ip, hostIp, any] of [
      ['IPv4', '10.244.1.7', '10.89.0.3', '0.0.0.0'],
      ['IPv6', 'fd00:10:244::7', 'fd00:89::3', '::'],
    ] as const) {
      it(`registers the sidecar at the port of its node, and lets it listen in the pod (${what})`, () => {
        const service = sidecarOf({ ip, hostIp, hostPort: 22017 });
        expect(service).to.include({ Address: hostIp, Port: 22017 });
        expect(service.Proxy?.Config).to.deep.equal({ bind_address: any, bind_port: 20000 });
        const { registrations } = desired(atNode, [aPodFacts('p', { ip, hostIp, hostPort: 22017 })]).node!;
        expect(registrations['p']?.service, 'the app is not at the node').to.include({ Address: ip, Port: 8080 });
      });
    }

    it('goes by what the pod has: one without a port of its node is registered at its own address', () => {
      expect(sidecarOf({})).to.include({ Address: '10.244.1.7', Port: 20000 });
      expect(sidecarOf({}).Proxy?.Config).to.equal(undefined);
    });

    it('goes back to the pod itself when it is no longer asked for', () => {
      const service = sidecarOf({ hostPort: 22017 }, aMeshService('sub-svc'));
      expect(service).to.include({ Address: '10.244.1.7', Port: 20000 });
    });
  });

  it('resolves a port by its name in the pod, and says what to do when no container has it', () => {
    const named = aMeshService('sub-svc', { port: 'http' });
    const { node, problems } = desired(named, [aPodFacts('has', { ports: { http: 3000 } }), aPodFacts('lacks')]);
    expect(node?.registrations.has?.service.Port).to.equal(3000);
    expect(node?.registrations.lacks).to.equal(undefined);
    expect(problems[0]?.message).to.contain('no container port named "http"').and.to.contain('lacks');
  });

  it('writes that nobody may call where no rule says who may, and exact names before the wildcard otherwise', () => {
    const refused = desired(aMeshService('sub-svc')).config['service-intentions/sub-svc'];
    expect(refused?.Sources).to.deep.equal([{ Name: '*', Action: 'deny' }]);
    const { config } = desired(aMeshService('sub-svc', { access: [{ from: '*' }, { from: 'b' }, { from: 'a' }] }));
    expect(config['service-intentions/sub-svc']?.Sources).to.deep.equal([
      { Name: 'a', Action: 'allow' },
      { Name: 'b', Action: 'allow' },
      { Name: '*', Action: 'allow' },
    ]);
  });

  it('asks for nothing when the MeshService is gone', () => {
    const gone = desiredState({
      cluster: 'lab',
      namespace: 'shop',
      name: 'sub-svc',
      meshService: undefined,
      pods: [aPodFacts('p')],
      formerServices: [],
    });
    expect(gone).to.deep.include({ node: undefined, config: {}, service: undefined });
  });

  it('is the same whether pods were seen before or not, under any spec', () => {
    // The same objects over and over, as the mirror hands them out; their copies are unknown to any memory.
    const pods = [
      aPodFacts('a'),
      aPodFacts('b', { ready: false, version: 'v2' }),
      aPodFacts('c', { ports: { web: 81 } }),
    ];
    const specs = [
      aMeshService('sub-svc'),
      aMeshService('sub-svc', { upstreams: [{ service: 'add-svc', localPort: 9191 }] }),
      aMeshService('sub-svc', { service: 'renamed' }),
      aMeshService('sub-svc', { port: 'web' }),
      aMeshService('other', { workloads: { pods: { selector: { matchLabels: { app: 'sub-svc' } } } } }),
    ];
    const turn = fc.record({ meshService: fc.constantFrom(...specs), of: fc.subarray(pods) });
    fc.assert(
      fc.property(fc.array(turn), (turns) => {
        for (const { meshService, of } of turns) {
          expect(desired(meshService, of)).to.deep.equal(desired(meshService, structuredClone(of)));
        }
      }),
    );
  });

  it('makes only the parts of a changed pod again', () => {
    const meshService = aMeshService('sub-svc');
    const [a, b] = [aPodFacts('a'), aPodFacts('b')];
    const before = desired(meshService, [a, b]).node!.registrations;
    const now = desired({ ...meshService, status: { pods: '1/2' } }, [a, { ...b, ready: false }]).node!.registrations;
    expect(now['a']).to.equal(before['a']);
    expect(now['a-sidecar']).to.equal(before['a-sidecar']);
    expect(now['b']).not.to.deep.equal(before['b']);
  });
});
