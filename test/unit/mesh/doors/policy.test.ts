import { expect } from 'chai';
import type { NetworkPolicySpec } from '../../../../crds/kubernetes.ts';
import { isAsWanted, isOurs, policyFacts, policyOf, policyPatch } from '../../../../mesh/doors/policy.ts';
import { aMeshService } from '../../../support/builders.ts';

const wantedOf = (spec: Parameters<typeof aMeshService>[1] = {}) => policyOf(aMeshService('sub-svc', spec), 'Strict')!;
const held = (spec: NetworkPolicySpec, metadata: object = {}) =>
  policyFacts({ metadata: { ...wantedOf().metadata, uid: 'policy-1', ...metadata }, spec });

describe('the NetworkPolicy of a MeshService', () => {
  it('selects the pods by the label of their injection, and admits the ports of the sidecar', () => {
    expect(wantedOf()).to.deep.equal({
      metadata: {
        name: 'sub-svc-landbridge',
        namespace: 'shop',
        labels: { 'app.kubernetes.io/managed-by': 'landbridge' },
        ownerReferences: [
          {
            apiVersion: 'landbridge.dev/v1alpha1',
            kind: 'MeshService',
            name: 'sub-svc',
            uid: 'uid-sub-svc',
            controller: true,
          },
        ],
      },
      spec: {
        podSelector: { matchLabels: { 'landbridge.dev/mesh-service': 'sub-svc' } },
        policyTypes: ['Ingress'],
        ingress: [
          {
            ports: [
              { protocol: 'TCP', port: 20000 },
              { protocol: 'TCP', port: 20200 },
            ],
          },
        ],
      },
    });
  });

  it('admits the plaintext ports by TCP and UDP, so that the name of a UDP port counts too', () => {
    expect(wantedOf({ plaintextPorts: [9090, 'dns'] }).spec.ingress?.[0]?.ports?.slice(2)).to.deep.equal([
      { protocol: 'TCP', port: 9090 },
      { protocol: 'UDP', port: 9090 },
      { protocol: 'TCP', port: 'dns' },
      { protocol: 'UDP', port: 'dns' },
    ]);
  });

  it('exists neither under Permissive nor for a MeshService without pods', () => {
    expect(policyOf(aMeshService('a', { mutualTLS: 'Permissive' }), 'Strict')).to.equal(undefined);
    expect(policyOf(aMeshService('a'), 'Permissive')).to.equal(undefined);
    expect(policyOf(aMeshService('a', { workloads: { external: { sites: ['rack-1'] } } }), 'Strict')).to.equal(
      undefined,
    );
  });

  it('is as wanted as it was written, also where a reader leaves defaults out', () => {
    const { spec } = wantedOf();
    const ports = spec.ingress![0]!.ports!.map(({ port }) => ({ port }));
    expect(isAsWanted(held(spec), wantedOf())).to.equal(true);
    expect(isAsWanted(held({ ...spec, ingress: [{ ports }], policyTypes: undefined as never }), wantedOf())).to.equal(
      true,
    );
    expect(isAsWanted(held({ ...spec, egress: [{}], policyTypes: ['Ingress', 'Egress'] }), wantedOf())).to.equal(true);
  });

  const { spec } = wantedOf();
  const CHANGES: [string, ReturnType<typeof held>][] = [
    ['a rule more', held({ ...spec, ingress: [...spec.ingress!, {}] })],
    ['a port more', held({ ...spec, ingress: [{ ports: [...spec.ingress![0]!.ports!, { port: 8080 }] }] })],
    ['a range', held({ ...spec, ingress: [{ ports: [{ port: 20000, endPort: 20200 }] }] })],
    ['only some callers', held({ ...spec, ingress: [{ ...spec.ingress![0], from: [{ podSelector: {} }] }] })],
    ['no rule', held({ ...spec, ingress: [] })],
    ['another selector', held({ ...spec, podSelector: { matchLabels: { app: 'nobody' } } })],
    ['egress alone', held({ ...spec, policyTypes: ['Egress'] })],
    ['no label', held(spec, { labels: {} })],
    ['no owner', held(spec, { ownerReferences: [] })],
    [
      'the owner of before',
      held(spec, { ownerReferences: [{ ...wantedOf().metadata.ownerReferences![0], uid: 'old' }] }),
    ],
  ];
  for (const [what, changed] of CHANGES)
    it(`is not as wanted with ${what}, and is ours all the same`, () => {
      expect(isAsWanted(changed, wantedOf())).to.equal(false);
      expect(isOurs(changed, aMeshService('sub-svc'))).to.equal(true);
    });

  it('is of another hand without our label and without the MeshService as an owner', () => {
    expect(isOurs(held(spec, { labels: {}, ownerReferences: [] }), aMeshService('sub-svc'))).to.equal(false);
    const other = { ...wantedOf().metadata.ownerReferences![0], kind: 'Deployment', apiVersion: 'apps/v1' };
    expect(isOurs(held(spec, { labels: {}, ownerReferences: [other] }), aMeshService('sub-svc'))).to.equal(false);
  });

  it('is put right only where it is the one that was looked at, and keeps labels of others', () => {
    expect(policyPatch(held(spec), wantedOf()).map(({ op, path }) => `${op} ${path}`)).to.deep.equal([
      'test /metadata/uid',
      'add /metadata/labels/app.kubernetes.io~1managed-by',
      'add /metadata/ownerReferences',
      'add /spec',
    ]);
    expect(policyPatch(held(spec, { labels: undefined }), wantedOf())[1]).to.include({ path: '/metadata/labels' });
  });

  it('takes little memory however large a foreign policy is, and the rest of it counts as open', () => {
    const many = Array.from({ length: 5000 }, (_, index) => ({ port: index + 1 }));
    const facts = held({ ingress: many.map((port) => ({ ports: [port] })) });
    expect(facts.ingress).to.have.length(65);
    expect(facts.ingress!.at(-1)).to.deep.equal({ everybody: false, ports: undefined });
    expect(held({ ingress: [{ ports: many }] }).ingress).to.deep.equal([{ everybody: true, ports: undefined }]);
  });
});
