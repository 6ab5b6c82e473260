import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { GROUP } from '../crds/mesh-service.ts';
import {
  BRIDGE_PORT,
  BRIDGE_SECRETS_DIRECTORY,
  BRIDGE_SERVICE,
  NAMESPACE,
  OBSERVE_PORT,
  SECRETS,
} from '../mesh/installation.ts';
import { labels, selectorLabels } from './labels.ts';
import { podSelector, podTemplate, resourcesOf } from './pod.ts';
import { observeProbes } from './probes.ts';
import { processEnv } from './process-env.ts';
import { addClusterRole, addServiceAccount } from './rbac.ts';
import type { Values } from './values.ts';

/** Admits the machines outside the cluster and holds their leases. */
export function addBridge(scope: Construct, values: Values): void {
  addServiceAccount(scope, 'bridge');
  addClusterRole(scope, 'bridge', [
    { apiGroups: [GROUP], resources: ['meshservices'], verbs: ['get', 'list', 'watch'] },
  ]);
  new k8s.KubeService(scope, 'bridge-service', {
    metadata: { name: BRIDGE_SERVICE, namespace: NAMESPACE, labels: labels('bridge') },
    spec: {
      type: 'NodePort',
      selector: selectorLabels('bridge'),
      ports: [
        {
          name: 'api',
          port: BRIDGE_PORT,
          targetPort: k8s.IntOrString.fromString('api'),
          nodePort: values.bridge.nodePort,
        },
      ],
    },
  });
  new k8s.KubeDeployment(scope, 'bridge', {
    metadata: { name: 'landbridge-bridge', namespace: NAMESPACE, labels: labels('bridge') },
    spec: {
      replicas: 1,
      selector: podSelector('bridge'),
      // Two at a time would judge each other's leases. A new one gives every machine a full lease, so the gap costs none.
      strategy: { type: 'Recreate' },
      template: podTemplate('bridge', values, {
        talksToKubernetes: true,
        container: bridgeContainer(values),
        volumes: [{ name: 'secrets', secret: { secretName: SECRETS.bridge, defaultMode: 0o440 } }],
      }),
    },
  });
}

function bridgeContainer(values: Values): k8s.Container {
  return {
    name: 'bridge',
    image: values.images.bridge,
    args: ['bridge'],
    env: processEnv(values, {
      LANDBRIDGE_BRIDGE_ADVERTISE: values.bridge.advertise.join(','),
      LANDBRIDGE_CONSUL_GRPC_ADVERTISE: values.consul.advertise.join(','),
      LANDBRIDGE_LEASE_MS: String(values.bridge.leaseSeconds * 1000),
      LANDBRIDGE_SECRETS: BRIDGE_SECRETS_DIRECTORY,
    }),
    ports: [
      { name: 'api', containerPort: BRIDGE_PORT },
      { name: 'observe', containerPort: OBSERVE_PORT },
    ],
    ...observeProbes,
    resources: resourcesOf(values.bridge.resources),
    volumeMounts: [{ name: 'secrets', mountPath: BRIDGE_SECRETS_DIRECTORY, readOnly: true }],
  };
}
