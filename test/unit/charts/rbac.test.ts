import { expect } from 'chai';
import { SECRETS } from '../../../mesh/installation/installation.ts';
import { chart, everything, type Manifest, named, ofKind } from './objects.ts';

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
    expect(grants('landbridge-bridge-workloads')).to.have.members(['list meshservices', 'watch meshservices']);
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
    expect(grants('landbridge-operator-workloads').filter((grant) => grant.includes('meshservices'))).to.have.members([
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

  it('ends with the namespaces that the values name', () => {
    const some = chart({ ...everything, watchNamespaces: ['shop', 'books'] });
    const bindings = ofKind(some, 'RoleBinding', 'ClusterRoleBinding').filter(({ metadata }) =>
      metadata.name.endsWith('-workloads'),
    );
    expect(bindings.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)).to.have.members([
      'RoleBinding shop/landbridge-operator-workloads',
      'RoleBinding books/landbridge-operator-workloads',
      'RoleBinding shop/landbridge-bridge-workloads',
      'RoleBinding books/landbridge-bridge-workloads',
    ]);
    const anywhere = ofKind(some, 'ClusterRoleBinding').map(({ roleRef }) => named(some, 'ClusterRole', roleRef.name));
    for (const rule of anywhere.flatMap(rulesOf))
      expect(rule.resources).not.to.include.oneOf(['secrets', 'pods', 'meshservices', 'events']);
  });

  it('binds each role to one account of the namespace', () => {
    for (const binding of ofKind(objects, 'RoleBinding', 'ClusterRoleBinding')) {
      expect(binding['subjects']).to.have.length(1);
      const [subject] = binding['subjects'];
      const name = binding.metadata.name.replace(/-workloads$/, '');
      expect(subject).to.deep.equal({ kind: 'ServiceAccount', name, namespace: 'landbridge' });
      named(objects, 'ServiceAccount', subject.name);
      named(objects, binding['roleRef'].kind, binding['roleRef'].name);
    }
  });
});
