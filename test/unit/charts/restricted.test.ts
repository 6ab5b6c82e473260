import { expect } from 'chai';
import { chart, named, podMakers } from './objects.ts';
import { type PodSpec, violations } from './restricted.ts';

describe('Pod Security of the chart', () => {
  const objects = chart();

  it('has the namespace enforce the restricted standard', () => {
    const { labels } = named(objects, 'Namespace', 'landbridge').metadata;
    expect(labels).to.include({ 'pod-security.kubernetes.io/enforce': 'restricted' });
  });

  it('has the six components that make pods', () => {
    expect(podMakers(objects).map(({ maker }) => maker.kind)).to.have.members([
      'Job',
      'StatefulSet',
      'Deployment',
      'Deployment',
      'Deployment',
      'Deployment',
    ]);
  });

  for (const { maker, template } of podMakers(objects)) {
    it(`lets ${maker.kind} ${maker.metadata.name} meet the restricted standard, with a read-only root`, () => {
      expect(violations(template.spec)).to.deep.equal([]);
      for (const container of template.spec.containers) {
        expect(container.securityContext).to.include({ readOnlyRootFilesystem: true });
      }
    });

    it(`mounts a token in ${maker.metadata.name} only if a role is bound to its account`, () => {
      const account = template.spec['serviceAccountName'];
      const bound = objects.some(({ subjects }) =>
        subjects?.some((subject: { name: string }) => subject.name === account),
      );
      expect(template.spec['automountServiceAccountToken']).to.equal(bound);
    });

    it(`keeps the variables of Services out of ${maker.metadata.name}, since LANDBRIDGE_BRIDGE_PORT is one`, () => {
      expect(template.spec['enableServiceLinks']).to.equal(false);
    });
  }
});

describe('violations, the check itself', () => {
  const good: PodSpec = {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [{ name: 'c', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
  };
  const bad: [string, PodSpec][] = [
    ['the pod uses a namespace of the host', { ...good, hostNetwork: true }],
    ['volume v is hostPath', { ...good, volumes: [{ name: 'v', hostPath: { path: '/' } }] }],
    ['c may run as root', { ...good, securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }],
    ['c: seccomp', { ...good, securityContext: { runAsNonRoot: true } }],
    [
      'c keeps capabilities',
      { ...good, containers: [{ name: 'c', securityContext: { allowPrivilegeEscalation: false } }] },
    ],
    ['c may escalate', { ...good, containers: [{ name: 'c', securityContext: { capabilities: { drop: ['ALL'] } } }] }],
    ['c takes a port of the host', { ...good, containers: [{ ...good.containers[0]!, ports: [{ hostPort: 80 }] }] }],
  ];

  it('passes what meets the standard', () => {
    expect(violations(good)).to.deep.equal([]);
  });
  for (const [what, pod] of bad) {
    it(`finds that ${what}`, () => {
      expect(violations(pod)).to.include(what);
    });
  }
});
