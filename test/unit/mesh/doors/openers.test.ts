import { expect } from 'chai';
import type { NetworkPolicySpec } from '../../../../crds/kubernetes.ts';
import { doorsOf } from '../../../../mesh/doors/doors.ts';
import { openersOf } from '../../../../mesh/doors/openers.ts';
import { policyFacts } from '../../../../mesh/doors/policy.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';

const pod = aPodFacts('a', { ports: { http: 8080, metrics: 9090, mesh: 20000 } });

const openedBy = (spec: NetworkPolicySpec, asked: Parameters<typeof aMeshService>[1] = {}, pods = [pod]) =>
  openersOf(doorsOf(aMeshService('sub-svc', asked), 'Strict'), pods, [
    policyFacts({ metadata: { name: 'theirs', namespace: 'shop' }, spec }),
  ]);

describe('policies of others that open doors', () => {
  const all = { podSelector: {} };
  const some = [{ podSelector: {} }];

  const OPENS: [string, NetworkPolicySpec, object][] = [
    ['every port to everybody', { ...all, ingress: [{}] }, { everybody: true, ports: 'every port' }],
    ['every port with an empty from', { ...all, ingress: [{ from: [] }] }, { everybody: true, ports: 'every port' }],
    ['every port to its namespace', { ...all, ingress: [{ from: some }] }, { everybody: false, ports: 'every port' }],
    [
      'the port of the app',
      { ...all, ingress: [{ ports: [{ port: 8080 }] }] },
      { everybody: true, ports: 'port 8080' },
    ],
    ['it by its name', { ...all, ingress: [{ ports: [{ port: 'http' }] }] }, { everybody: true, ports: 'port http' }],
    ['a protocol', { ...all, ingress: [{ ports: [{ protocol: 'TCP' }] }] }, { everybody: true, ports: 'every port' }],
    [
      'a range that begins at the port of the sidecar',
      { ...all, ingress: [{ ports: [{ port: 20000, endPort: 30000 }] }] },
      { everybody: true, ports: 'port 20000-30000' },
    ],
    [
      'one of two rules',
      { ...all, ingress: [{ ports: [{ port: 20000 }] }, { from: some, ports: [{ port: 9090 }] }] },
      { everybody: false, ports: 'port 9090' },
    ],
    ['it without policyTypes', { ingress: [{ ports: [{ port: 1 }] }] }, { everybody: true, ports: 'port 1' }],
  ];
  for (const [what, spec, found] of OPENS)
    it(`are seen to open ${what}`, () => {
      expect(openedBy(spec)).to.deep.equal([{ policy: 'theirs', ...found }]);
    });

  const CLOSED: [string, NetworkPolicySpec][] = [
    ['denies everything', { ...all, policyTypes: ['Ingress'] }],
    ['is for egress', { ...all, policyTypes: ['Egress'], egress: [{}] }],
    ['selects other pods', { podSelector: { matchLabels: { app: 'other' } }, ingress: [{}] }],
    ['opens the ports of the sidecar', { ...all, ingress: [{ ports: [{ port: 20000 }, { port: 'mesh-ready' }] }] }],
    ['opens a name that the pod does not have', { ...all, ingress: [{ ports: [{ port: 'grpc' }] }] }],
  ];
  for (const [what, spec] of CLOSED)
    it(`exclude a policy that ${what}`, () => {
      expect(openedBy(spec)).to.deep.equal([]);
    });

  it('may open what spec.plaintextPorts names, by number or by name', () => {
    const byNumber = { ...all, ingress: [{ ports: [{ port: 9090 }] }] };
    const byName = { ...all, ingress: [{ ports: [{ port: 'metrics' }] }] };
    for (const spec of [byNumber, byName])
      for (const port of [9090, 'metrics']) expect(openedBy(spec, { plaintextPorts: [port] })).to.deep.equal([]);
  });

  it('are judged by the port that a name has in the pod itself', () => {
    const spec = { ...all, ingress: [{ ports: [{ port: 'web' }] }] };
    const [to8080, to9090] = [8080, 9090].map((web) => aPodFacts('b', { ports: { web } }));
    expect(openedBy(spec, { plaintextPorts: [9090] }, [to9090!])).to.deep.equal([]);
    expect(openedBy(spec, { plaintextPorts: [9090] }, [to8080!])).to.have.length(1);
  });
});
