import { expect } from 'chai';
import { SECRETS } from '../../../mesh/installation.ts';
import { chart, type Manifest, named, ofKind } from './objects.ts';

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

const objects = chart();
const roles = ofKind(objects, 'Role', 'ClusterRole');
const rulesOf = (role: Manifest): Rule[] => role['rules'];

/** Every `verb resource` that a component's cluster role gives. */
const grants = (name: string): string[] =>
  rulesOf(named(objects, 'ClusterRole', name)).flatMap((rule) =>
    rule.resources.flatMap((resource) => rule.verbs.map((verb) => `${verb} ${resource}`)),
  );

describe('RBAC of the chart', () => {
  it('has no wildcard anywhere', () => {
    for (const role of roles) expect(JSON.stringify(rulesOf(role)), role.metadata.name).not.to.include('*');
  });

  it('grants no right to escalate, bind or impersonate, nor on roles, webhooks of others or pods/exec', () => {
    for (const role of roles) {
      for (const rule of rulesOf(role)) {
        expect(rule.verbs, role.metadata.name).not.to.include.oneOf(['escalate', 'bind', 'impersonate']);
        expect(rule.resources, role.metadata.name).not.to.include.oneOf(['roles', 'clusterroles', 'pods/exec']);
        if (rule.resources.includes('mutatingwebhookconfigurations')) {
          expect(rule.resourceNames).to.deep.equal(['landbridge-injector']);
        }
      }
    }
  });

  it('lets nobody list or watch Secrets', () => {
    for (const rule of roles.flatMap(rulesOf).filter(({ resources }) => resources.includes('secrets'))) {
      expect(rule.verbs).not.to.include.oneOf(['list', 'watch', 'deletecollection', 'update']);
    }
  });

  it('lets the bridge read MeshServices, and tell of itself in events of its own namespace, and nothing else', () => {
    expect(grants('landbridge-bridge')).to.have.members([
      'get meshservices',
      'list meshservices',
      'watch meshservices',
    ]);
    const [own, ...others] = roles.filter(
      ({ kind, metadata }) => kind === 'Role' && metadata.name === 'landbridge-bridge',
    );
    expect(others).to.deep.equal([]);
    expect(own!.metadata.namespace).to.equal('landbridge');
    expect(rulesOf(own!)).to.deep.equal([
      { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
    ]);
  });

  it('lets the operator write MeshServices only by patch, for status and finalizer', () => {
    expect(grants('landbridge-operator').filter((grant) => grant.includes('meshservices'))).to.have.members([
      'get meshservices',
      'list meshservices',
      'watch meshservices',
      'patch meshservices',
      'patch meshservices/status',
    ]);
  });

  it('keeps the bootstrap job to its own Secrets in its own namespace', () => {
    expect(
      roles.filter(({ metadata }) => metadata.name === 'landbridge-bootstrap').map(({ kind }) => kind),
    ).to.deep.equal(['Role']);
    const role = named(objects, 'Role', 'landbridge-bootstrap');
    expect(role.metadata.namespace).to.equal('landbridge');
    for (const rule of rulesOf(role)) {
      expect(rule.resources).to.deep.equal(['secrets']);
      if (rule.verbs.join() !== 'create') expect(rule.resourceNames).to.have.members(Object.values(SECRETS));
    }
  });

  it('binds each role to one account of the namespace', () => {
    for (const binding of ofKind(objects, 'RoleBinding', 'ClusterRoleBinding')) {
      expect(binding['subjects']).to.have.length(1);
      const [subject] = binding['subjects'];
      expect(subject).to.deep.equal({ kind: 'ServiceAccount', name: binding.metadata.name, namespace: 'landbridge' });
      named(objects, 'ServiceAccount', subject.name);
      named(objects, binding['roleRef'].kind, binding['roleRef'].name);
    }
  });
});
