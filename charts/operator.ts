import { k8s } from 'cdk8s-plus-27';
import {
  NAMESPACE,
  OBSERVE_PORT,
  OPERATOR_HEAP_OPTION,
  OPERATOR_MEMORY_LIMIT,
  OPERATOR_NODE_OPTIONS,
  OPERATOR_SECRETS_DIRECTORY,
  SECRETS,
  WEBHOOK_PORT,
} from '../mesh/installation/installation.ts';
import { labels } from './labels.ts';
import { imageOf, podSelector, podTemplate, resourcesOf } from './pod.ts';
import { observeProbes } from './probes.ts';
import { CONSUL_GRPC, processEnv, watchEnv } from './process-env.ts';
import { asText, equal, every, jsonOf, moreThan, type Parts, when } from './template/expression.ts';
import type { Target } from './template/target.ts';
import { values } from './values/tree.ts';

/** Reconciles MeshServices and injects sidecars. Every replica answers the webhook; one of them reconciles. */
export function addOperator(target: Target): void {
  const { replicas } = values.operator;
  target.add(k8s.KubeDeployment, 'operator', {
    metadata: { name: 'landbridge-operator', namespace: NAMESPACE, labels: labels('operator') },
    spec: {
      replicas,
      selector: podSelector('operator'),
      // Pods of the mesh cannot be made while no webhook answers: the new one comes before the old one goes.
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxUnavailable: k8s.IntOrString.fromNumber(0), maxSurge: k8s.IntOrString.fromNumber(1) },
      },
      template: podTemplate('operator', {
        talksToKubernetes: true,
        observed: true,
        spread: true,
        container: operatorContainer(),
        volumes: [{ name: 'secrets', secret: { secretName: SECRETS.operator, defaultMode: 0o440 } }],
      }),
    },
  });
  target
    .when(every(values.podDisruptionBudgets, moreThan(replicas, 1)))
    .add(k8s.KubePodDisruptionBudget, 'operator-budget', {
      metadata: { name: 'landbridge-operator', namespace: NAMESPACE, labels: labels('operator') },
      spec: { maxUnavailable: k8s.IntOrString.fromNumber(1), selector: podSelector('operator') },
    });
}

function operatorContainer(): Parts<k8s.Container> {
  return {
    name: 'operator',
    image: imageOf('landbridge'),
    args: ['operator'],
    env: [
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      ...processEnv({
        LANDBRIDGE_CONSUL_GRPC: CONSUL_GRPC,
        LANDBRIDGE_DEFAULT_ACCESS: values.defaultAccess,
        LANDBRIDGE_DEFAULT_MUTUAL_TLS: values.defaultMutualTLS,
        LANDBRIDGE_EDGE: when<string>(values.edge.enabled, 'enabled', 'disabled'),
        LANDBRIDGE_EDGE_HOSTS: jsonOf({ hosts: values.edge.hosts }),
        LANDBRIDGE_EDGE_HTTP_PORT: asText(values.edge.httpNodePort),
        LANDBRIDGE_EDGE_HTTPS_PORT: asText(values.edge.httpsNodePort),
        LANDBRIDGE_GATEWAY: when<string>(values.gateway.enabled, 'enabled', 'disabled'),
        LANDBRIDGE_SECRETS: OPERATOR_SECRETS_DIRECTORY,
        LANDBRIDGE_SIDECAR_IMAGE: imageOf('envoy'),
        LANDBRIDGE_SIDECAR_PULL_POLICY: values.imagePullPolicy,
        LANDBRIDGE_VERIFY_SECONDS: asText(values.operator.verifySeconds),
        ...watchEnv,
        // Of another limit only Node itself knows what it is: no arithmetic is done in a chart.
        NODE_OPTIONS: when<string>(
          equal(values.operator.resources.limits.memory, OPERATOR_MEMORY_LIMIT),
          `${OPERATOR_NODE_OPTIONS} ${OPERATOR_HEAP_OPTION}`,
          OPERATOR_NODE_OPTIONS,
        ),
      }),
    ],
    ports: [
      { name: 'webhook', containerPort: WEBHOOK_PORT },
      { name: 'observe', containerPort: OBSERVE_PORT },
    ],
    ...observeProbes,
    resources: resourcesOf(values.operator.resources),
    volumeMounts: [{ name: 'secrets', mountPath: OPERATOR_SECRETS_DIRECTORY, readOnly: true }],
  };
}
