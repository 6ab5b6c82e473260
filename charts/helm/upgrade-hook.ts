import { k8s } from 'cdk8s-plus-27';
import { GROUP } from '../../crds/mesh-service.ts';
import {
  CONSUL_SERVER_SERVICE,
  NAMESPACE,
  SECRETS,
  UPGRADE_SECRETS_DIRECTORY,
} from '../../mesh/installation/installation.ts';
import { MOST_SERVERS, UPGRADE_REFUSED, consulClaim, consulServer } from '../../mesh/installation/reshape.ts';
import { type Component, labels, podLabels } from '../labels.ts';
import { imageOf, podSpec, serviceAccountName } from '../pod.ts';
import { asText, type Parts } from '../template/expression.ts';
import type { Rules } from '../rbac.ts';
import type { Target } from '../template/target.ts';
import { values } from '../values/tree.ts';

const component: Component = 'upgrade';
const CONTAINER = 'upgrade';
const ORDINALS = [...Array(MOST_SERVERS).keys()];

/**
 * Before Helm touches anything: refuses values that an installation cannot go over to, and takes steps that Helm cannot,
 * such as letting Consul servers leave one after the other. `landbridge upgrade` does the same by itself.
 */
export function addUpgradeHook(target: Target): void {
  const name = serviceAccountName(component);
  const cluster = { name, labels: labels(component), annotations: hook('-5') };
  const own = { ...cluster, namespace: NAMESPACE };
  const subjects = [{ kind: 'ServiceAccount', name, namespace: NAMESPACE }];
  const roleRef = (kind: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
  target.add(k8s.KubeServiceAccount, 'upgrade-account', { metadata: own, automountServiceAccountToken: false });
  target.add(k8s.KubeRole, 'upgrade-role', { metadata: own, rules: RULES });
  target.add(k8s.KubeRoleBinding, 'upgrade-role-binding', { metadata: own, roleRef: roleRef('Role'), subjects });
  target.add(k8s.KubeClusterRole, 'upgrade-cluster-role', { metadata: cluster, rules: CLUSTER_RULES });
  target.add(k8s.KubeClusterRoleBinding, 'upgrade-cluster-role-binding', {
    metadata: cluster,
    roleRef: roleRef('ClusterRole'),
    subjects,
  });
  target.add(k8s.KubeJob, 'upgrade', {
    metadata: { ...own, annotations: { ...hook('0'), 'helm.sh/hook-output-log-policy': 'hook-failed' } },
    // Argo CD runs it before the first sync too, and the class does not exist yet then.
    spec: {
      // A refusal stays one. A node that goes, or an API server that is away, says nothing of the values.
      backoffLimit: 3,
      podFailurePolicy: {
        rules: [
          {
            action: 'FailJob',
            onExitCodes: { containerName: CONTAINER, operator: 'In', values: [UPGRADE_REFUSED] },
            onPodConditions: [],
          },
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        ],
      },
      template: { metadata: { labels: podLabels(component) }, spec: { ...upgradePod(), priorityClassName: undefined } },
    },
  });
}

/** Held while Helm upgrades, and at no other time. */
const RULES: Rules = [
  { apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['landbridge-operator'], verbs: ['get'] },
  {
    apiGroups: ['apps'],
    resources: ['statefulsets'],
    resourceNames: [CONSUL_SERVER_SERVICE],
    verbs: ['get', 'delete'],
  },
  { apiGroups: [''], resources: ['pods'], resourceNames: ORDINALS.map(consulServer), verbs: ['get', 'delete'] },
  {
    apiGroups: [''],
    resources: ['persistentvolumeclaims'],
    resourceNames: ORDINALS.map(consulClaim),
    verbs: ['get', 'patch', 'delete'],
  },
];
const CLUSTER_RULES: Rules = [
  {
    apiGroups: ['scheduling.k8s.io'],
    resources: ['priorityclasses'],
    resourceNames: [values.priorityClass.name],
    verbs: ['get', 'delete'],
  },
  { apiGroups: [''], resources: ['namespaces'], resourceNames: [NAMESPACE], verbs: ['get'] },
  {
    apiGroups: ['apiextensions.k8s.io'],
    resources: ['customresourcedefinitions'],
    resourceNames: [`meshservices.${GROUP}`],
    verbs: ['get'],
  },
  // That of the volumes, which may be the cluster's default: its name is not known here.
  { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get'] },
];

const upgradePod = (): Parts<k8s.PodSpec> =>
  podSpec(component, {
    talksToKubernetes: true,
    restartPolicy: 'Never',
    container: {
      name: CONTAINER,
      image: imageOf('landbridge'),
      args: ['prepare-upgrade'],
      env: Object.entries({
        LANDBRIDGE_CLUSTER: values.cluster,
        LANDBRIDGE_CONSUL_EXTERNAL: asText(values.externalConsul.enabled),
        LANDBRIDGE_CONSUL_SERVERS: asText(values.consul.servers),
        LANDBRIDGE_CONSUL_STORAGE: values.consul.storage,
        LANDBRIDGE_CONSUL_STORAGE_CLASS: values.consul.storageClass,
        LANDBRIDGE_PRIORITY_CLASS: values.priorityClass.name,
        LANDBRIDGE_PRIORITY_VALUE: asText(values.priorityClass.value),
        LANDBRIDGE_PRIORITY_CREATE: asText(values.priorityClass.create),
        LANDBRIDGE_CREATE_NAMESPACE: asText(values.createNamespace),
        LANDBRIDGE_INSTALL_CRDS: asText(values.crds.install),
        LANDBRIDGE_SECRETS: UPGRADE_SECRETS_DIRECTORY,
      }).map(([name, value]) => ({ name, value })),
      resources: {
        requests: { cpu: k8s.Quantity.fromString('50m'), memory: k8s.Quantity.fromString('64Mi') },
        limits: { memory: k8s.Quantity.fromString('256Mi') },
      },
      terminationMessagePolicy: 'FallbackToLogsOnError',
      volumeMounts: [{ name: 'secrets', mountPath: UPGRADE_SECRETS_DIRECTORY, readOnly: true }],
    },
    volumes: [
      {
        name: 'secrets',
        projected: {
          defaultMode: 0o440,
          // Not there with Consul servers that are not our own.
          sources: [
            { secret: { name: SECRETS.consulManagement, optional: true, items: [{ key: 'token', path: 'token' }] } },
            { secret: { name: SECRETS.consulServer, optional: true, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
          ],
        },
      },
    ],
  });

const hook = (weight: string) => ({
  'helm.sh/hook': 'pre-upgrade,pre-rollback',
  'helm.sh/hook-weight': weight,
  'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded',
});
