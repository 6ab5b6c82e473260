import type { k8s } from 'cdk8s-plus-27';
import { GROUP } from '../crds/mesh-service.ts';
import { EDGE_SERVICE } from '../crds/expose.ts';
import { GATEWAY_SERVICE } from '../crds/gateway.ts';
import {
  NAMESPACE,
  OPERATOR_LEASE,
  VALIDATOR_CONFIGURATION,
  WEBHOOK_CONFIGURATION,
  WEBHOOK_SECRET,
} from '../mesh/installation/installation.ts';
import { sidecarSecret } from '../mesh/names/names.ts';
import { addClusterRole, addRole, addServiceAccount, addWorkloadsRole } from './rbac.ts';
import { every, given, when } from './template/expression.ts';
import type { Target } from './template/target.ts';
import { values } from './values/tree.ts';

/** The rights of the operator, rule by rule. test/rights takes each rule away in turn, and expects a failure. */
export function addOperatorRbac(target: Target): void {
  addServiceAccount(target, 'operator');
  addWorkloadsRole(target, 'operator', [
    // `patch` for the finalizer.
    { apiGroups: [GROUP], resources: ['meshservices'], verbs: ['list', 'watch', 'patch'] },
    { apiGroups: [GROUP], resources: ['meshservices/status'], verbs: ['patch'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
    // Only its log has the words by which Envoy refuses an update. RBAC cannot name a container.
    { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
    // The sidecars' Secrets lie beside the pods, in whatever namespaces join the mesh. A role can name objects but has no
    // patterns, and `create` cannot be limited by name at all. `list` and `watch` are left out: it cannot look for others.
    { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'create', 'patch', 'delete'] },
    // `list` and `watch` for those of who cannot make its pods, and a look at who that is.
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch', 'list', 'watch'] },
    { apiGroups: ['apps'], resources: ['replicasets', 'statefulsets', 'daemonsets'], verbs: ['get'] },
    { apiGroups: ['batch'], resources: ['jobs'], verbs: ['get'] },
    // For a MeshService without a port and without a pod: a Job that has not begun is well, and a wrong selector is not.
    { apiGroups: ['apps'], resources: ['deployments', 'statefulsets', 'daemonsets'], verbs: ['list'] },
    { apiGroups: ['batch'], resources: ['jobs', 'cronjobs'], verbs: ['list'] },
    // One policy for each MeshService under Strict, and a look at those of others, which may open what it closes.
    {
      apiGroups: ['networking.k8s.io'],
      resources: ['networkpolicies'],
      verbs: ['list', 'watch', 'create', 'patch', 'delete'],
    },
    // By which callers come past the sidecars, for the status of Permissive MeshServices.
    { apiGroups: [''], resources: ['services'], verbs: ['list'] },
    { apiGroups: ['networking.k8s.io'], resources: ['ingresses'], verbs: ['list'] },
  ]);
  addClusterRole(target, 'operator', [
    // Which of them are in the mesh, and the uid of kube-system, by which Consul knows this cluster.
    { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
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
  const own: Pick<k8s.PolicyRule, 'apiGroups' | 'resources'> = { apiGroups: [''], resources: ['secrets'] };
  const kept = [WEBHOOK_SECRET, sidecarSecret(EDGE_SERVICE), sidecarSecret(GATEWAY_SERVICE)];
  const watchesSome = given(values.watchNamespaces);
  addRole(target, 'operator', NAMESPACE, [
    // Otherwise the rights on all namespaces hold here too.
    when<k8s.PolicyRule>(watchesSome, { ...own, verbs: ['create'] }),
    when<k8s.PolicyRule>(watchesSome, { ...own, resourceNames: kept, verbs: ['get', 'patch', 'delete'] }),
    // The terminating gateway's.
    when<k8s.PolicyRule>(every(watchesSome, values.gateway.enabled), {
      apiGroups: [''],
      resources: ['pods'],
      verbs: ['list', 'watch'],
    }),
    // The edge gateway's pods: their Envoys refuse updates as well.
    when<k8s.PolicyRule>(every(watchesSome, values.edge.enabled), {
      apiGroups: [''],
      resources: ['pods'],
      verbs: ['list'],
    }),
    when<k8s.PolicyRule>(watchesSome, { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] }),
    // Has the kubelets bring a new token at once.
    when<k8s.PolicyRule>(values.gateway.enabled, { apiGroups: [''], resources: ['pods'], verbs: ['patch'] }),
    { ...lease, verbs: ['create'] },
    { ...lease, resourceNames: [OPERATOR_LEASE], verbs: ['get', 'update'] },
  ]);
}
