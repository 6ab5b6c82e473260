import { k8s } from 'cdk8s-plus-27';
import { GROUP } from '../../crds/mesh-service.ts';
import {
  NAMESPACE,
  OPERATOR_SECRETS_DIRECTORY,
  SECRETS,
  WEBHOOK_SECRET,
} from '../../mesh/installation/installation.ts';
import { bootstrapEnv, externalMounts, externalVolumes } from '../external-consul.ts';
import { type Component, labels, podLabels } from '../labels.ts';
import { imageOf, podSpec, serviceAccountName } from '../pod.ts';
import { processEnv } from '../process-env.ts';
import type { Rules } from '../rbac.ts';
import { asText, type Parts } from '../template/expression.ts';
import type { Target } from '../template/target.ts';
import { releaseNamespace, values } from '../values/tree.ts';
import { addUpgradeHook } from './upgrade-hook.ts';

/** Jobs that only Helm runs. `kubectl apply` would start them at once. */
export function addHooks(target: Target): void {
  addTest(target);
  addUpgradeHook(target);
  addRemoval(target);
}

const resources: k8s.ResourceRequirements = {
  requests: { cpu: k8s.Quantity.fromString('50m'), memory: k8s.Quantity.fromString('64Mi') },
  limits: { memory: k8s.Quantity.fromString('256Mi') },
};

/** `helm test`: Consul answers the operator's token, and the webhook a pod. */
function addTest(target: Target): void {
  const component: Component = 'test';
  target.add(k8s.KubePod, 'test', {
    metadata: {
      name: 'landbridge-test',
      namespace: NAMESPACE,
      labels: labels(component),
      annotations: { 'helm.sh/hook': 'test', 'helm.sh/hook-delete-policy': 'before-hook-creation' },
    },
    spec: {
      ...podSpec(component, {
        talksToKubernetes: false,
        restartPolicy: 'Never',
        container: {
          name: 'test',
          image: imageOf('landbridge'),
          args: ['self-test'],
          env: processEnv({ LANDBRIDGE_SECRETS: OPERATOR_SECRETS_DIRECTORY }),
          resources,
          volumeMounts: [{ name: 'secrets', mountPath: OPERATOR_SECRETS_DIRECTORY, readOnly: true }],
        },
        volumes: [
          {
            name: 'secrets',
            projected: {
              defaultMode: 0o440,
              sources: [
                { secret: { name: SECRETS.operator } },
                { secret: { name: WEBHOOK_SECRET, items: [{ key: 'ca.crt', path: 'webhook-ca.crt' }] } },
              ],
            },
          },
        ],
      }),
      serviceAccountName: 'default',
    },
  });
}

/**
 * `helm uninstall` deletes the objects of the chart and waits for nothing. So MeshServices go first, while there is an operator that takes them out of Consul; after it, what our processes made.
 */
function addRemoval(target: Target): void {
  const component: Component = 'removal';
  const name = serviceAccountName(component);
  const subject = { kind: 'ServiceAccount', name, namespace: releaseNamespace };
  const base = { name, labels: labels(component), annotations: hook('pre-delete,post-delete', '-5') };
  target.add(k8s.KubeServiceAccount, 'removal-account', {
    metadata: { ...base, namespace: releaseNamespace },
    automountServiceAccountToken: false,
  });
  target.add(k8s.KubeClusterRole, 'removal-cluster-role', { metadata: base, rules: REMOVAL_RULES });
  target.add(k8s.KubeClusterRoleBinding, 'removal-cluster-role-binding', {
    metadata: base,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [subject],
  });
  removalJob(target, 'before');
  removalJob(target, 'after');
}

/** Held while Helm uninstalls, and at no other time. */
const REMOVAL_RULES: Rules = [
  { apiGroups: [GROUP], resources: ['meshservices'], verbs: ['list', 'patch', 'delete'] },
  {
    apiGroups: ['apiextensions.k8s.io'],
    resources: ['customresourcedefinitions'],
    resourceNames: [`meshservices.${GROUP}`],
    verbs: ['get'],
  },
  { apiGroups: [''], resources: ['secrets', 'persistentvolumeclaims'], verbs: ['list', 'delete'] },
  // The Corefile of kube-system, into which `landbridge dns enable` put a block.
  { apiGroups: [''], resources: ['configmaps'], resourceNames: ['coredns'], verbs: ['get', 'patch'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['list', 'delete'] },
];

function removalJob(target: Target, when: 'before' | 'after'): void {
  const component: Component = 'removal';
  const spec: Parts<k8s.PodSpec> = podSpec(component, {
    talksToKubernetes: true,
    restartPolicy: 'OnFailure',
    container: {
      name: 'removal',
      image: imageOf('landbridge'),
      args: ['clean-up', `--${when}`],
      env: [...bootstrapEnv, { name: 'LANDBRIDGE_KEEP_CRDS', value: asText(values.crds.keep) }],
      resources,
      terminationMessagePolicy: 'FallbackToLogsOnError',
      volumeMounts: externalMounts,
    },
    volumes: externalVolumes,
  });
  target.add(k8s.KubeJob, `removal-${when}`, {
    metadata: {
      name: `landbridge-removal-${when}`,
      namespace: releaseNamespace,
      labels: labels(component),
      annotations: hook(when === 'before' ? 'pre-delete' : 'post-delete', '0'),
    },
    // Its class goes with the release.
    spec: {
      backoffLimit: 3,
      template: { metadata: { labels: podLabels(component) }, spec: { ...spec, priorityClassName: undefined } },
    },
  });
}

const hook = (when: string, weight: string) => ({
  'helm.sh/hook': when,
  'helm.sh/hook-weight': weight,
  'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded',
});
