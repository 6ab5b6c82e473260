import type { k8s } from 'cdk8s-plus-27';
import { GROUP } from '../crds/mesh-service.ts';
import { NAMESPACE, OPERATOR_LEASE, VALIDATOR_CONFIGURATION, WEBHOOK_CONFIGURATION } from '../mesh/installation.ts';
import { addClusterRole, addRole, addServiceAccount } from './rbac.ts';
import type { Target } from './template/target.ts';

/** What the operator may do, rule by rule. */
export function addOperatorRbac(target: Target): void {
  addServiceAccount(target, 'operator');
  addClusterRole(target, 'operator', [
    // `patch` for the finalizer.
    { apiGroups: [GROUP], resources: ['meshservices'], verbs: ['get', 'list', 'watch', 'patch'] },
    { apiGroups: [GROUP], resources: ['meshservices/status'], verbs: ['patch'] },
    { apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['get', 'list', 'watch'] },
    // The sidecars' Secrets lie beside the pods, in whatever namespaces join the mesh. A role can name objects but has no
    // patterns, and `create` cannot be limited by name at all. `list` and `watch` are left out: it cannot look for others.
    { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'create', 'patch', 'delete'] },
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
    // For the caBundle of its webhooks.
    {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['mutatingwebhookconfigurations'],
      resourceNames: [WEBHOOK_CONFIGURATION],
      verbs: ['get', 'patch'],
    },
    {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['validatingwebhookconfigurations'],
      resourceNames: [VALIDATOR_CONFIGURATION],
      verbs: ['get', 'patch'],
    },
  ]);
  const lease: Pick<k8s.PolicyRule, 'apiGroups' | 'resources'> = {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
  };
  addRole(target, 'operator', NAMESPACE, [
    { ...lease, verbs: ['create'] },
    { ...lease, resourceNames: [OPERATOR_LEASE], verbs: ['get', 'update'] },
  ]);
}
