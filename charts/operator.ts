import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { NAMESPACE, OBSERVE_PORT, OPERATOR_SECRETS_DIRECTORY, SECRETS, WEBHOOK_PORT } from '../mesh/installation.ts';
import { labels } from './labels.ts';
import { podSelector, podTemplate, resourcesOf } from './pod.ts';
import { observeProbes } from './probes.ts';
import { CONSUL_GRPC_ADDRESS, processEnv } from './process-env.ts';
import type { Values } from './values.ts';

/** Reconciles MeshServices and injects sidecars. Every replica answers the webhook; one of them reconciles. */
export function addOperator(scope: Construct, values: Values): void {
  const { replicas } = values.operator;
  new k8s.KubeDeployment(scope, 'operator', {
    metadata: { name: 'landbridge-operator', namespace: NAMESPACE, labels: labels('operator') },
    spec: {
      replicas,
      selector: podSelector('operator'),
      // Pods of the mesh cannot be made while no webhook answers: the new one comes before the old one goes.
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxUnavailable: k8s.IntOrString.fromNumber(0), maxSurge: k8s.IntOrString.fromNumber(1) },
      },
      template: spread(
        podTemplate('operator', values, {
          talksToKubernetes: true,
          container: operatorContainer(values),
          volumes: [{ name: 'secrets', secret: { secretName: SECRETS.operator, defaultMode: 0o440 } }],
        }),
      ),
    },
  });
  if (replicas > 1) {
    new k8s.KubePodDisruptionBudget(scope, 'operator-budget', {
      metadata: { name: 'landbridge-operator', namespace: NAMESPACE, labels: labels('operator') },
      spec: { maxUnavailable: k8s.IntOrString.fromNumber(1), selector: podSelector('operator') },
    });
  }
}

function operatorContainer(values: Values): k8s.Container {
  return {
    name: 'operator',
    image: values.images.landbridge,
    args: ['operator'],
    env: processEnv(values, {
      LANDBRIDGE_CONSUL_GRPC: CONSUL_GRPC_ADDRESS,
      LANDBRIDGE_SECRETS: OPERATOR_SECRETS_DIRECTORY,
      LANDBRIDGE_SIDECAR_IMAGE: values.images.envoy,
      LANDBRIDGE_SIDECAR_PULL_POLICY: values.imagePullPolicy,
    }),
    ports: [
      { name: 'webhook', containerPort: WEBHOOK_PORT },
      { name: 'observe', containerPort: OBSERVE_PORT },
    ],
    ...observeProbes,
    resources: resourcesOf(values.operator.resources),
    volumeMounts: [{ name: 'secrets', mountPath: OPERATOR_SECRETS_DIRECTORY, readOnly: true }],
  };
}

/** Replicas go to different nodes where there are some, and still run where there is one. */
const spread = (template: k8s.PodTemplateSpec): k8s.PodTemplateSpec => ({
  ...template,
  spec: {
    ...template.spec!,
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: podSelector('operator'),
        // Counts the pods of one revision only, or an update would push the new ones together.
        matchLabelKeys: ['pod-template-hash'],
      },
    ],
  },
});
