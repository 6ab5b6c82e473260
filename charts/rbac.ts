import { k8s } from 'cdk8s-plus-27';
import { NAMESPACE } from '../mesh/installation/installation.ts';
import { type Component, labels } from './labels.ts';
import { serviceAccountName } from './pod.ts';
import { given, not, type Symbolic } from './template/expression.ts';
import type { Target } from './template/target.ts';
import { values } from './values/tree.ts';

const API_GROUP = 'rbac.authorization.k8s.io';

export type Rules = readonly Symbolic<k8s.PolicyRule>[];

export function addServiceAccount(target: Target, component: Component): void {
  target.add(k8s.KubeServiceAccount, `${component}-account`, {
    metadata: { name: serviceAccountName(component), namespace: NAMESPACE, labels: labels(component) },
    // A pod says itself that it wants the token.
    automountServiceAccountToken: false,
  });
}

/** A role for a component in the whole cluster, bound to its service account. */
export function addClusterRole(target: Target, component: Component, rules: Rules): void {
  const name = serviceAccountName(component);
  const metadata = { name, labels: labels(component) };
  target.add(k8s.KubeClusterRole, `${component}-cluster-role`, { metadata, rules });
  target.add(k8s.KubeClusterRoleBinding, `${component}-cluster-role-binding`, {
    metadata,
    roleRef: { apiGroup: API_GROUP, kind: 'ClusterRole', name },
    subjects: [subject(component)],
  });
}

/**
 * The rights of a component in namespaces with MeshServices: in the whole cluster, or only in the namespaces that the values name.
 */
export function addWorkloadsRole(target: Target, component: Component, rules: Rules): void {
  const id = `${component}-workloads`;
  const name = `${serviceAccountName(component)}-workloads`;
  const metadata = { name, labels: labels(component) };
  const roleRef = { apiGroup: API_GROUP, kind: 'ClusterRole', name };
  const subjects = [subject(component)];
  const { watchNamespaces } = values;
  target.add(k8s.KubeClusterRole, `${id}-cluster-role`, { metadata, rules });
  target
    .when(not(given(watchNamespaces)))
    .add(k8s.KubeClusterRoleBinding, `${id}-cluster-role-binding`, { metadata, roleRef, subjects });
  target.each(watchNamespaces, (each, namespace) =>
    each.add(k8s.KubeRoleBinding, `${id}-role-binding`, { metadata: { ...metadata, namespace }, roleRef, subjects }),
  );
}

/** A role for a component in one namespace, bound to its service account. */
export function addRole(target: Target, component: Component, namespace: string, rules: Rules): void {
  const name = serviceAccountName(component);
  const metadata = { name, namespace, labels: labels(component) };
  target.add(k8s.KubeRole, `${component}-role`, { metadata, rules });
  target.add(k8s.KubeRoleBinding, `${component}-role-binding`, {
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
