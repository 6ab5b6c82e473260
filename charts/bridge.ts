import { k8s } from 'cdk8s-plus-27';
import { GROUP } from '../crds/mesh-service.ts';
import {
  BRIDGE_PORT,
  BRIDGE_SECRETS_DIRECTORY,
  BRIDGE_SERVICE,
  CONSUL_DNS_SERVICE,
  NAMESPACE,
  OBSERVE_PORT,
  SECRETS,
} from '../mesh/installation/installation.ts';
import { labels, selectorLabels } from './labels.ts';
import { imageOf, podSelector, podTemplate, resourcesOf } from './pod.ts';
import { observeProbes } from './probes.ts';
import { CONSUL_GRPC, processEnv, watchEnv } from './process-env.ts';
import { addRole, addServiceAccount, addWorkloadsRole } from './rbac.ts';
import { asText, equal, every, ifGiven, join, moreThan, type Parts, times, when } from './template/expression.ts';
import type { Target } from './template/target.ts';
import { values } from './values/tree.ts';

const { bridge } = values;

/** Admits the machines outside the cluster and holds their leases. */
export function addBridge(target: Target): void {
  addServiceAccount(target, 'bridge');
  addWorkloadsRole(target, 'bridge', [{ apiGroups: [GROUP], resources: ['meshservices'], verbs: ['list', 'watch'] }]);
  // About itself: the mass-loss brake.
  addRole(target, 'bridge', NAMESPACE, [
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
  ]);
  target.add(k8s.KubeService, 'bridge-service', {
    metadata: {
      name: BRIDGE_SERVICE,
      namespace: NAMESPACE,
      labels: labels('bridge'),
      annotations: ifGiven(bridge.serviceAnnotations),
    },
    spec: {
      type: bridge.exposure,
      selector: selectorLabels('bridge'),
      ports: [
        {
          name: 'api',
          port: BRIDGE_PORT,
          targetPort: k8s.IntOrString.fromString('api'),
          nodePort: when<number>(equal(bridge.exposure, 'NodePort'), bridge.nodePort),
        },
      ],
    },
  });
  target.add(k8s.KubeDeployment, 'bridge', {
    metadata: { name: 'landbridge-bridge', namespace: NAMESPACE, labels: labels('bridge') },
    spec: {
      replicas: bridge.replicas,
      selector: podSelector('bridge'),
      // The new one stands by until the old one has let its lock go: one is active at a time.
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxUnavailable: k8s.IntOrString.fromNumber(0), maxSurge: k8s.IntOrString.fromNumber(1) },
      },
      template: podTemplate('bridge', {
        talksToKubernetes: true,
        observed: true,
        spread: true,
        container: bridgeContainer(),
        volumes: [{ name: 'secrets', secret: { secretName: SECRETS.bridge, defaultMode: 0o440 } }],
      }),
    },
  });
  target
    .when(every(values.podDisruptionBudgets, moreThan(bridge.replicas, 1)))
    .add(k8s.KubePodDisruptionBudget, 'bridge-budget', {
      metadata: { name: 'landbridge-bridge', namespace: NAMESPACE, labels: labels('bridge') },
      spec: { maxUnavailable: k8s.IntOrString.fromNumber(1), selector: podSelector('bridge') },
    });
}

function bridgeContainer(): Parts<k8s.Container> {
  return {
    name: 'bridge',
    image: imageOf('bridge'),
    args: ['bridge'],
    env: [
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      ...processEnv({
        LANDBRIDGE_BRIDGE_ADVERTISE: join(bridge.advertise, ','),
        LANDBRIDGE_DEFAULT_ACCESS: values.defaultAccess,
        LANDBRIDGE_DEFAULT_MUTUAL_TLS: values.defaultMutualTLS,
        // Machines reach external servers where pods do.
        LANDBRIDGE_CONSUL_GRPC_ADVERTISE: when<string>(
          values.externalConsul.enabled,
          CONSUL_GRPC,
          join(values.consul.advertise, ','),
        ),
        // Empty: nobody said where external servers answer DNS.
        LANDBRIDGE_CONSUL_DNS: when<string>(
          values.externalConsul.enabled,
          values.externalConsul.dns,
          `${CONSUL_DNS_SERVICE}.${NAMESPACE}.svc:53`,
        ),
        LANDBRIDGE_DEREGISTER_AFTER_HOURS: asText(bridge.deregisterAfterHours),
        LANDBRIDGE_LEASE_MS: asText(times(bridge.leaseSeconds, 1000)),
        LANDBRIDGE_SECRETS: BRIDGE_SECRETS_DIRECTORY,
        ...watchEnv,
      }),
    ],
    ports: [
      { name: 'api', containerPort: BRIDGE_PORT },
      { name: 'observe', containerPort: OBSERVE_PORT },
    ],
    ...observeProbes,
    resources: resourcesOf(bridge.resources),
    volumeMounts: [{ name: 'secrets', mountPath: BRIDGE_SECRETS_DIRECTORY, readOnly: true }],
  };
}
