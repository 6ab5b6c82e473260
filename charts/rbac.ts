import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { NAMESPACE } from '../mesh/installation.ts';
import { type Component, labels } from './labels.ts';
import { serviceAccountName } from './pod.ts';

const API_GROUP = 'rbac.authorization.k8s.io';

export function addServiceAccount(scope: Construct, component: Component): void {
  new k8s.KubeServiceAccount(scope, `${component}-account`, {
    metadata: { name: serviceAccountName(component), namespace: NAMESPACE, labels: labels(component) },
    // A pod says itself that it wants the token.
    automountServiceAccountToken: false,
  });
}

/** A role for a component in the whole cluster, bound to its service account. */
export function addClusterRole(scope: Construct, component: Component, rules: k8s.PolicyRule[]): void {
  const name = serviceAccountName(component);
  const metadata = { name, labels: labels(component) };
  new k8s.KubeClusterRole(scope, `${component}-cluster-role`, { metadata, rules });
  new k8s.KubeClusterRoleBinding(scope, `${component}-cluster-role-binding`, {
    metadata,
    roleRef: { apiGroup: API_GROUP, kind: 'ClusterRole', name },
    subjects: [subject(component)],
  });
}

/** A role for a component in one namespace, bound to its service account. */
export function addRole(scope: Construct, component: Component, namespace: string, rules: k8s.PolicyRule[]): void {
  const name = serviceAccountName(component);
  const metadata = { name, namespace, labels: labels(component) };
  new k8s.KubeRole(scope, `${component}-role`, { metadata, rules });
  new k8s.KubeRoleBinding(scope, `${component}-role-binding`, {
    metadata,
    roleRef: { apiGroup: API_GROUP, kind: 'Role', name },
    subjects: [subject(component)],
  });
}

const subject = (component: Component): k8s.Subject => ({
  kind: 'ServiceAccount',
  name: serviceAccountName(component),
  namespace: NAMESPACE,
});
